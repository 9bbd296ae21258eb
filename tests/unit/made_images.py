"""Small image files made byte by byte, in the formats of the data sets."""

import io
import struct

import numpy as np
from PIL import Image


def idx_bytes(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def npz_bytes(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def jpeg_bytes(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def jpeg_part(images, labels):
    parts = [jpeg_bytes(image) for image in images]
    offsets = np.cumsum([0, *map(len, parts)])
    return {"jpeg": np.frombuffer(b"".join(parts), np.uint8), "offsets": offsets, "labels": np.array(labels, np.uint8)}


def smooth_images(n):
    """Colour ramps, which JPEG keeps almost as they are."""
    images = np.zeros((n, 32, 32, 3), np.uint8)
    images[..., 0] = np.arange(0, 192, 6)[:, None]
    images[..., 1] = 20 * np.arange(n)[:, None, None]
    images[..., 2] = np.arange(0, 192, 6)
    return images
