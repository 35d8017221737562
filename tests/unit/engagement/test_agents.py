"""Names of programs as they are met: who says that nobody watches, and who has a person behind."""

import pytest

from oracle.engagement.agents import program_of

PHONE = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0 Mobile Safari/537.36"
NAMES = {
    "robot": [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) {PHONE} (compatible; Googlebot/2.1)",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Mastodon/4.3.0 (http.rb/5.2.0; +https://mastodon.social/) Bot",
        "TelegramBot (like TwitterBot)",
        "WhatsApp/2.23.20.0 A",
        "Bluesky Cardyb/1.1; +mailto:x@example.org",
        "Chrome Privacy Preserving Prefetch Proxy",
        "GPTBot/1.0",
        "UptimeRobot/2.0",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko)"
        " Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
        "SomethingNew-Preview (+https://new.example/robots)",
    ],
    "tool": [
        "curl/8.5.0",
        "python-requests/2.32",
        "Go-http-client/1.1",
        "Wget/1.21",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0 Safari/537.36",
    ],
    None: [
        "",
        "okhttp/4.12.0",
        "MyApp/1.0 CFNetwork/1410 Darwin/22.6.0",
        "Dart/3.4 (dart:io)",
        "axios/1.6",
        "VLC/3.0.20 LibVLC/3.0.20",
        "Dalvik/2.1.0 (Linux; U; Android 13; CUBOT X50)",
        f"Mozilla/5.0 (Linux; Android 8.1.0; CUBOT_P20 Build/O11019) {PHONE}",
        f"Mozilla/5.0 (Linux; Android 9; Hisbot) {PHONE}",
        "Mozilla/5.0 (Linux; U; Android 4.4; Philips TV NetTV/4) ABot",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Slack/4.38.125 Chrome/124.0 Electron/30.1.2 Safari/537.36 Sonic Slack_SSB/4.38.125",
        "WhatsApp/2.2322.15 Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Electron/22.0",
        "Mozilla/5.0 (Web0S; Linux i686) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/38.0.2125.122 Safari/537.36",
        "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0; Xbox)",
        "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)",
        "Mozilla/5.0 [Pinterest/iOS]",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Viber/21.0.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/120.0 Safari/537.36 WhatsApp/2.2350",
        "WhatsApp/2.2350.3 W",
        "Valve/Steam HTTP Client 1.0 (730)",
    ],
}


@pytest.mark.parametrize(
    ("agent", "program"), [(agent, kind) for kind, agents in NAMES.items() for agent in agents]
)
def test_only_what_says_so_itself_is_no_person(agent: str, program: str | None) -> None:
    assert program_of(agent) == program
