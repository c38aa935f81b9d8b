"""Peer of the serving bench: a FastAPI service like the one that the project grew from.

Eager torch, ResNet18 and a convolutional autoencoder at 224 × 224. Pillow decodes the whole file; one process;
nothing is stored. The weights are random, which costs the same. Run by `uvicorn
webapp.benchmarks.serving.peer_app:app`.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from fastapi import FastAPI, UploadFile
from PIL import Image
from torch import nn

from mltasks.vision.networks.torchvision_ops import models

SIDE = 224
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
THRESHOLD = 0.5


def _layer(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.ReLU())


def _up(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1)


torch.manual_seed(0)
classifier = models.resnet18(weights=None)
classifier.fc = nn.Linear(classifier.fc.in_features, 1)
classifier.eval()
autoencoder = nn.Sequential(
    *(_layer(3, 32), _layer(32, 64), _layer(64, 128)),
    *(_up(128, 64), nn.ReLU(), _up(64, 32), nn.ReLU(), _up(32, 3), nn.Sigmoid()),
).eval()
app = FastAPI()


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer that the process lives."""
    return {"status": "ok"}


@app.post("/predict")
async def predict(file: UploadFile) -> dict[str, float | str | bool]:
    """Score one image."""
    image = Image.open(io.BytesIO(await file.read())).convert("RGB").resize((SIDE, SIDE))
    pixels = np.asarray(image, np.float32) / 255
    plain = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    standard = torch.from_numpy((pixels - MEAN) / DEVIATION).permute(2, 0, 1)[None]
    with torch.no_grad():
        probability = float(torch.sigmoid(classifier(standard)))
        error = float(((autoencoder(plain) - plain) ** 2).mean())
    return {
        "label": "FAIL" if probability >= THRESHOLD else "PASS",
        "defect_probability": probability,
        "reconstruction_error": error,
        "anomaly_threshold": THRESHOLD,
        "novel_defect_suspected": error > THRESHOLD,
    }
