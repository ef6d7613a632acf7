"""Backgrounds without photos: drawn scenes that look plausible when small and out of focus.

Five kinds alternate - a room, foliage, a wall, lights at night, a skyline - each with tones, textures at several
scales and focus of its own.  They need no files and no licence, and a seed gives the same scenes on every machine.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Scene = NDArray[np.float32]

HEIGHT, WIDTH = 96, 144


def scenes(count: int, seed: int) -> tuple[Image, ...]:
    """Return that many drawn backgrounds, uint8 RGB (96, 144, 3), the kinds in turn."""
    return tuple(_finished(KINDS[k % len(KINDS)], np.random.default_rng((seed, k))) for k in range(count))


def _finished(kind: Callable[[np.random.Generator], Scene], rng: np.random.Generator) -> Image:
    scene = kind(rng)
    scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.3, 1.6)), np.float32)  # out of focus
    scene += rng.normal(0, 0.01, scene.shape).astype(np.float32)
    return np.asarray(np.rint(scene.clip(0, 1) * 255), np.uint8)


def _room(rng: np.random.Generator) -> Scene:
    """A wall and a floor with furniture and a window, lit from one side."""
    scene = np.empty((HEIGHT, WIDTH, 3), np.float32)
    floor = int(rng.integers(HEIGHT // 2, HEIGHT))
    scene[:floor], scene[floor:] = _tone(rng, 0.35, 0.85), _tone(rng, 0.15, 0.5)
    for _ in range(rng.integers(4, 10)):
        wide, high = rng.integers(8, 50), rng.integers(8, 60)
        left, top = rng.integers(-10, WIDTH), rng.integers(-10, HEIGHT)
        corner = (int(left + wide), int(top + high))
        colour = _tone(rng, 0.05, 0.95)
        cv2.rectangle(scene, (int(left), int(top)), corner, colour.tolist(), -1)
        cv2.rectangle(scene, (int(left), int(top)), corner, (colour * rng.uniform(0.4, 0.8)).tolist(), 1)
    return scene * _light(rng) + 0.06 * (_clouds(rng, 2)[..., None] - 0.5)


def _foliage(rng: np.random.Generator) -> Scene:
    """Leaves in front of leaves: blobs of many sizes, the nearer the brighter."""
    dark, bright = _tone(rng, 0.05, 0.25), _tone(rng, 0.4, 0.9)
    depth = _clouds(rng, 3)
    scene = dark + (bright - dark) * depth[..., None] * 0.5
    for _ in range(250):
        centre = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        axes = (int(rng.integers(2, 9)), int(rng.integers(1, 4)))
        shade = dark + (bright - dark) * rng.uniform() * (0.3 + 0.7 * depth[centre[1], centre[0]])
        cv2.ellipse(scene, centre, axes, rng.uniform(0, 360), 0, 360, shade.tolist(), -1, cv2.LINE_AA)
    return np.asarray(scene * _light(rng), np.float32)


def _wall(rng: np.random.Generator) -> Scene:
    """Courses of bricks, planks or tiles, seen at an angle."""
    high, wide = rng.uniform(5, 16), rng.uniform(8, 60)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    angle, slope = rng.uniform(-0.3, 0.3), rng.uniform(-0.003, 0.003)
    down = (y * np.cos(angle) + x * np.sin(angle)) * (1 + slope * x) / high
    along = (x * np.cos(angle) - y * np.sin(angle)) * (1 + slope * x) / wide + np.floor(down) * 0.5
    tint = np.sin(np.floor(down) * 127.1 + np.floor(along) * 311.7 + rng.uniform(0, 9)) * 0.12
    joint = (down % 1 < 0.12) | (along % 1 < 0.9 / wide)
    colour, gap = _tone(rng, 0.2, 0.75), _tone(rng, 0.1, 0.9)
    scene = np.where(joint[..., None], gap, colour * (1 + tint[..., None]))
    return np.asarray(scene * _light(rng) + 0.2 * (_clouds(rng, 2)[..., None] - 0.5), np.float32)


def _lights(rng: np.random.Generator) -> Scene:
    """Street lamps and windows at night, as discs out of focus."""
    scene = np.asarray(_tone(rng, 0.02, 0.2) * (0.6 + 0.8 * _clouds(rng, 4)[..., None]), np.float32)
    for _ in range(rng.integers(15, 50)):
        disc = np.zeros_like(scene)
        centre = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        cv2.circle(disc, centre, int(rng.integers(1, 9)), _tone(rng, 0.2, 1).tolist(), -1, cv2.LINE_AA)
        scene += disc * rng.uniform(0.3, 0.8)
    return scene


def _skyline(rng: np.random.Generator) -> Scene:
    """A sky with clouds above buildings with windows."""
    sky, ground = _tone(rng, 0.5, 0.95), _tone(rng, 0.1, 0.4)
    fade = np.linspace(rng.uniform(0.6, 0.9), 1, HEIGHT, dtype=np.float32)[:, None, None]
    scene = np.asarray(sky * fade + 0.35 * (_clouds(rng, 3)[..., None] - 0.4), np.float32)
    left = -10
    while left < WIDTH:
        wide, top = int(rng.integers(10, 34)), int(rng.integers(15, HEIGHT))
        colour = ground * rng.uniform(0.5, 1.8)
        cv2.rectangle(scene, (left, top), (left + wide, HEIGHT), colour.tolist(), -1)
        pane, lit = int(rng.integers(3, 7)), colour * rng.uniform(0.5, 2)
        for row in range(top + 3, HEIGHT - 2, pane):
            for column in range(left + 2, left + wide - 2, pane):
                cv2.rectangle(scene, (column, row), (column + pane // 3, row + pane // 2), lit.tolist(), -1)
        left += wide + int(rng.integers(0, 4))
    return scene


KINDS = (_room, _foliage, _wall, _lights, _skyline)


def _tone(rng: np.random.Generator, dark: float, bright: float) -> NDArray[np.float32]:
    """Return a muted colour, float32 (3,), between two brightnesses."""
    return np.asarray(rng.uniform(dark, bright) * rng.uniform(0.75, 1.15, 3), np.float32)


def _light(rng: np.random.Generator) -> Scene:
    """Return light that falls off across the scene, float32 (96, 144, 1)."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    return np.asarray(1 + rng.uniform(0, 0.45) * (x * np.cos(angle) + y * np.sin(angle)), np.float32)[..., None]


def _clouds(rng: np.random.Generator, coarse: int) -> Scene:
    """Return noise at scales that halve and weigh half as much each, float32 (96, 144) from 0 to 1."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for octave in range(5):
        cells = coarse * 2**octave
        noise = rng.uniform(size=(cells, cells * 3 // 2)).astype(np.float32)
        total += cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) / 2**octave
    return np.asarray((total - total.min()) / np.ptp(total), np.float32)
