"""The judge, by the name that the tests here know it by."""

from tests.support.ffmpeg import Heard as Verdict
from tests.support.ffmpeg import decode, listen, measure, run

__all__ = ["Verdict", "decode", "listen", "measure", "run"]
