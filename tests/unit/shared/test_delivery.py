from shared import delivery


def test_names_hold_nothing_but_ids_and_kinds() -> None:
    assert delivery.audio_name("r1", "mp3") == "motif-r1.mp3"
    assert [delivery.side_name("r1", kind) for kind in delivery.SIDES] == [
        "motif-r1-waveform.json",
        "motif-r1-spectrogram.png",
        "motif-r1-metadata.json",
    ]


def test_browsers_save_or_play_and_may_keep_a_file_while_its_link_lives() -> None:
    assert delivery.disposition("a.mp3", download=True) == 'attachment; filename="a.mp3"'
    assert delivery.disposition("a.mp3", download=False) == 'inline; filename="a.mp3"'
    assert delivery.CACHE_CONTROL == "private, max-age=900, immutable"
