"""Limits of the settings reach the decoders."""

from oracle import wiring
from oracle.settings import Settings


def test_time_limits_of_decoding_come_from_the_settings() -> None:
    handlers = wiring.make_handlers(Settings(limits={"work_s": 7.5, "video_s": 60, "sound_s": 90}))
    video, sound = handlers["video"]._analyzer.limits, handlers["audio"]._analyzer.limits
    assert (video.max_work_s, video.max_seconds) == (7.5, 60)
    assert (sound.max_work_s, sound.max_seconds) == (7.5, 90)
