"""What several tests share: real servers, real photographs."""
