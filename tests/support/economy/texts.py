"""User agents and referrers as people and programs send them."""

import numpy as np

ANDROID = (
    "Mozilla/5.0 (Linux; Android {v}; {m}) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/{c}.0.0.0 Mobile Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {v}_{w} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/{v}.{w} Mobile/15E148 Safari/604.1"
)
IPAD = IPHONE.replace("(iPhone; CPU iPhone OS", "(iPad; CPU OS")
IPHONE_CHROME = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {v}_{w} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) CriOS/{c}.0.6099.119 Mobile/15E148 Safari/604.1"
)
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/{c}.0.0.0 Safari/537.36"
)
EDGE = WINDOWS + " Edg/{c}.0.0.0"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{c}.0) Gecko/20100101 Firefox/{c}.0"
MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/{v}.{w} Safari/605.1.15"
)
MODELS = (
    "K",
    "SM-A546B",
    "SM-S911B",
    "Pixel 7",
    "Pixel 8 Pro",
    "moto g84",
    "CPH2481",
    "2201117TY",
    "M2101K6G",
    "V2250",
)

CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Twitterbot/1.0",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
)
TOOLS = (
    "python-requests/2.31.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " HeadlessChrome/119.0.0.0 Safari/537.36",
    "curl/8.4.0",
    "Go-http-client/2.0",
)
IMPOSSIBLE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/119.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13; iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0"
    " Mobile Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.1 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/28.0.1500.72 Safari/537.36",
)
INSIDE = ("", "foryou", "profile", "search", "following", "notifications")
INSIDE_WEIGHTS = (0.14, 0.50, 0.08, 0.07, 0.18, 0.03)
OUTSIDE = (
    "google.com/",
    "l.instagram.com/",
    "t.co/",
    "youtube.com/watch",
    "reddit.com/r/videos",
    "facebook.com/",
    "web.whatsapp.com/",
    "discord.com/channels",
    "pinterest.com/",
    "news.ycombinator.com/",
)
EXCHANGES = (
    "hitleap.com/",
    "otohits.net/surf",
    "10khits.com/",
    "easyhits4u.com/s",
    "websyndic.com/wv3",
)


def people_agents() -> list[str]:
    """User agents of people's devices, the commoner first."""
    found = []
    for age in range(6):
        for minor in range(4):
            found.append(IPHONE.format(v=18 - age // 2, w=minor))
            found.append(IPHONE_CHROME.format(v=18 - age // 2, w=minor, c=131 - age))
            found.append(IPAD.format(v=18 - age // 2, w=minor))
            found.append(MAC.format(v=18 - age // 2, w=minor))
        for template in (WINDOWS, EDGE, FIREFOX):
            found.append(template.format(c=131 - age))
        for model in MODELS:
            found.append(ANDROID.format(v=15 - age // 2, m=model, c=131 - age))
    return list(dict.fromkeys(found))


def blogs(count: int) -> list[str]:
    """Small outside pages that embed or link videos."""
    return [f"blog{number}.example{number % 97}.net/post" for number in range(count)]


def zipf(count: int, exponent: float = 1.0) -> np.ndarray:
    """(count,) weights that fall with the rank, summing to one."""
    weights = 1.0 / np.arange(1, count + 1) ** exponent
    return weights / weights.sum()


PEOPLES = len(people_agents())  # how many of the agents' codes are people's
