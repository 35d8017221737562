"""The posts of the demo's tunes and films, and of edits of them."""

from PIL import ImageOps

from oracle.chain.core.ids import escrow_account
from oracle.demo.story import Story
from oracle.media.samples import FPS, RATE_HZ, movie, mp3, noise, png, shots, tune, wav
from oracle.rules.decision import redirect_bps


def show_moving_media(story: Story, pictures: dict[str, bytes]) -> None:
    """Let creators post tunes and films."""
    alice, carol = ("0x" + escrow_account(name).hex() for name in ("alice", "carol"))
    song, other_song = tune(1, 20.0), tune(2, 12.0)
    film = list(shots([pictures[name] for name in ("coffee", "astronaut")]))

    first = story.post(wav(song), "song.wav", "alice")
    story.verify_on_chain("Alice posts a tune", first, "original")
    noisy = song[5 * RATE_HZ : 17 * RATE_HZ] + noise(3, 12.0)
    story.verify_on_chain(
        "Bob posts twelve seconds of it, as MP3 with noise",
        story.post(mp3(noisy), "beat.mp3", "bob"),
        "derivative",
        original=alice,
    )
    story.verify_on_chain(
        "Bob posts a tune of his own", story.post(wav(tune(4, 15.0)), "mine.wav", "bob"), "original"
    )

    story.verify_on_chain(
        "Carol posts a film", story.post(movie(film, other_song), "film.mp4", "carol"), "original"
    )
    edited = [ImageOps.mirror(frame).crop((16, 9, 304, 171)) for frame in film[2 * FPS :: 5]]
    copy = story.post(movie(edited, None, fps=FPS // 4), "clip.mp4", "dave")
    story.verify_on_chain(
        "Dave posts it mirrored, cropped and faster", copy, "derivative", original=carol
    )
    segment = max(copy["original"]["segments"], key=lambda s: s["query_end_s"] - s["query_start_s"])
    story.check(f"the stretch is mirrored: {segment}", segment["mirrored"])

    own = list(shots([pictures[name] for name in ("tissue", "retina")]))
    scored = story.post(movie(own, song[: 12 * RATE_HZ]), "vlog.mp4", "grace")
    story.verify_on_chain("Grace's film plays Alice's tune", scored, "derivative", original=alice)
    ceiling = redirect_bps(scored["similarity_bps"], 9_500, 10_000)
    story.check(
        f"sound alone redirects {ceiling}",
        scored["reason"] == "sound_of_earlier" and ceiling <= 3_000,
    )
    still = story.post(png(film[3 * FPS]), "still.png", "frank")
    story.verify_on_chain("Frank posts a still of Carol's film", still, "derivative")
