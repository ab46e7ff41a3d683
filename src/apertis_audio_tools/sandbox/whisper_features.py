"""Log-mel features of audio, as Whisper was trained on."""

from typing import Final

import numpy as np
import numpy.typing as npt

from apertis_audio_tools.sandbox.audio_decoding import SAMPLE_RATE

FRAMES_PER_SECOND: Final = 100
WINDOW_SECONDS: Final = 30
_HOP: Final = SAMPLE_RATE // FRAMES_PER_SECOND
_FFT_SIZE: Final = 400
_MEL_BANDS: Final = 80
_LINEAR_LIMIT_HZ: Final = 1000.0
"""Below it, the mel scale of Slaney is linear; above, logarithmic."""
_LINEAR_LIMIT_MEL: Final = 15.0
_LOG_STEP: Final = np.log(6.4) / 27
_FULL_SCALE: Final = 32_768

Samples = npt.NDArray[np.int16]
Features = npt.NDArray[np.float32]


def log_mel(samples: Samples, seconds: float) -> Features:
    """Return features of shape 1, 80, 100 times `seconds` of samples, which silence follows.

    Args:
        samples: 16 kHz mono samples, at most as long as `seconds`.
        seconds: Length of the window, at most 30.
    """
    frames = round(seconds * FRAMES_PER_SECOND)
    padded = np.zeros(frames * _HOP, np.float32)
    padded[: len(samples)] = samples[: len(padded)]
    padded = np.pad(padded / _FULL_SCALE, _FFT_SIZE // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _FFT_SIZE)[::_HOP][:frames]
    spectrum = np.abs(np.fft.rfft(windows * _HANN)) ** 2
    levels = np.log10(np.maximum(_FILTERS @ spectrum.T, 1e-10))
    levels = np.maximum(levels, levels.max() - 8)
    return np.ascontiguousarray((levels + 4) / 4, np.float32)[None]


def _mel_filters() -> Features:
    """Return triangular filters of equal area, of shape 80, 201."""
    frequencies = np.fft.rfftfreq(_FFT_SIZE, 1 / SAMPLE_RATE)
    top = _LINEAR_LIMIT_MEL + np.log(SAMPLE_RATE / 2 / _LINEAR_LIMIT_HZ) / _LOG_STEP
    mels = np.linspace(0, top, _MEL_BANDS + 2)
    corners = np.where(
        mels < _LINEAR_LIMIT_MEL,
        mels * _LINEAR_LIMIT_HZ / _LINEAR_LIMIT_MEL,
        _LINEAR_LIMIT_HZ * np.exp(_LOG_STEP * (mels - _LINEAR_LIMIT_MEL)),
    )
    widths = np.diff(corners)[:, None]
    distances = frequencies - corners[:, None]
    rising, falling = distances[:-2] / widths[:-1], -distances[2:] / widths[1:]
    areas = 2 / (corners[2:] - corners[:-2])
    return (np.maximum(0, np.minimum(rising, falling)) * areas[:, None]).astype(np.float32)


_FILTERS: Final = _mel_filters()
_HANN: Final = np.hanning(_FFT_SIZE + 1)[:-1].astype(np.float32)
