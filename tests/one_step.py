"""One step of learning under the backend that KERAS_BACKEND names: python one_step.py HEAD FILE.

Writes outputs, losses and the weights after a plain gradient step as .npz. Everything that goes in
is drawn by numpy, so that nothing but the backend differs.
"""

import sys
import zlib

import keras
import numpy as np

from pocketdet.detector import net
from pocketdet.detector.losses import Losses, Weights, detector_loss
from pocketdet.detector.spec import Level, NetSpec

RATE = 0.001
SHAPES = {"ssdlite": ((12.0, 12.0), (10.0, 20.0)), "anchor_free": ()}


def main(head: str, path: str) -> None:
    """Build, step, save."""
    levels = tuple(Level(stride, SHAPES[head]) for stride in (8, 16))
    spec = NetSpec("mobilenet_v2", 0.35, "imagenet", 8, 1, (64, 64), ("a", "b"), levels, head)
    model = net.build(spec)
    fill(model)
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    boxes = np.array([[[4, 4, 30, 40], [20, 10, 60, 60], [0, 0, 0, 0]]] * 2, np.float32)
    labels = np.array([[0, 1, -1], [1, -2, -1]], np.int32)
    ignore = np.array([[False, False, False], [False, True, False]])

    taught = {n: rng.normal(0, 1, (2, *s)).astype(np.float32) for n, s in spec.outputs().items()}
    weights = Weights(5.0, 1.0, 0.1, (2.0, 0.5), 1.0, 1.0)

    def losses(outputs) -> Losses:
        tensor = keras.ops.convert_to_tensor
        truth = map(tensor, (boxes, labels, ignore))
        teacher = {name: tensor(array) for name, array in taught.items()}
        return detector_loss(outputs, *truth, spec, 9, weights, teacher)

    outputs = {n: keras.ops.convert_to_numpy(v) for n, v in model(images).items()}
    values, gradients = STEPS[keras.backend.backend()](model, images, losses)
    found = {f"loss/{n}": np.asarray(v) for n, v in zip(Losses._fields, values, strict=True)}
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        before = keras.ops.convert_to_numpy(variable.value)
        found[f"weights/{variable.path}"] = before - RATE * gradient
    found |= {f"outputs/{name}": array for name, array in outputs.items()}
    np.savez(path, **found)


def fill(model) -> None:
    """Weights that do not depend on the backend."""
    for variable in model.weights:
        rng = np.random.default_rng(zlib.crc32(variable.path.encode()))
        name = variable.path.rsplit("/")[-1]
        fan_in = np.prod(variable.shape[:-1]) if name == "kernel" else 1
        mean = 1.0 if name in ("gamma", "moving_variance") else 0.0
        spread = 0.1 if name != "kernel" else 1 / np.sqrt(fan_in)
        variable.assign(mean + spread * rng.uniform(-1, 1, variable.shape))


def tensorflow_step(model, images, losses):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        found = losses(model(images, training=True))
    gradients = tape.gradient(found.total, [v.value for v in model.trainable_variables])
    return [float(v) for v in found], [g.numpy() for g in gradients]


def jax_step(model, images, losses):
    import jax

    rest = [v.value for v in model.non_trainable_variables]

    def total(weights):
        found = losses(model.stateless_call(weights, rest, images, training=True)[0])
        return found.total, found

    weights = [v.value for v in model.trainable_variables]
    (_, found), gradients = jax.value_and_grad(total, has_aux=True)(weights)
    return [float(v) for v in found], [np.asarray(g) for g in gradients]


def torch_step(model, images, losses):
    found = losses(model(images, training=True))
    found.total.backward()
    gradients = [v.value.grad.detach().numpy() for v in model.trainable_variables]
    return [float(v.detach()) for v in found], gradients


STEPS = {"tensorflow": tensorflow_step, "jax": jax_step, "torch": torch_step}

if __name__ == "__main__":
    main(*sys.argv[1:])
