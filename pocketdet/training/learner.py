"""One step of learning, and one of validation: the only file that knows the backend's gradients."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pocketdet.dataset import PADDING
from pocketdet.detector import quantised
from pocketdet.detector.losses import Losses, Weights, detector_loss
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import TrainingError
from pocketdet.inputs.batches import Batch
from pocketdet.training.optimiser import AdamW, Average
from pocketdet.training.schedule import Schedule


class Learner:
    """A net, its optimiser state and the compiled steps."""

    def __init__(
        self,
        model: Any,
        spec: NetSpec,
        schedule: Schedule,
        class_weights: tuple[float, ...] = (),
        teacher: Any = None,
    ) -> None:
        """Sort the weights into groups.

        Args:
            model: The net, its weights initialised.
            spec: The net's specification.
            schedule: Phases and rates.
            class_weights: Of `losses.class_weights`.
            teacher: A net to learn from beside the truth, or None.

        Raises:
            TrainingError: A phase freezes everything, or names weights that the net has not.
        """
        self.model, self._spec, self._schedule = model, spec, schedule
        self._teacher, settings = teacher, schedule.settings
        self._weights = Weights(
            settings.box_weight,
            settings.distance_weight,
            settings.label_smoothing,
            class_weights,
            settings.distill.score_weight,
            settings.distill.box_weight,
        )
        weights, statistics = model.trainable_variables, model.non_trainable_variables
        schedule.check([v.path for v in weights])
        factors = {v.path: schedule.factors(v.path) for v in (*weights, *statistics)}
        kinds = sorted({factors[v.path] for v in weights if any(factors[v.path])}, reverse=True)
        self._groups = {
            kind: AdamW(
                f"group_{number}",
                [v for v in weights if factors[v.path] == kind],
                settings.weight_decay,
            )
            for number, kind in enumerate(kinds)
        }
        self.average = Average([v for v in (*weights, *statistics) if any(factors[v.path])])
        self.ranges: quantised.Ranges = {}
        self.kept_ranges: quantised.Ranges = {}
        self._bounds: dict[str, tuple[Any, Any]] = {}
        self._rounded: Any = None
        self._measure: Any = None
        self._steps: dict[Any, Any] = {}
        self._validate: Any = None

    def learn(self, step: int, batch: Batch) -> tuple[Losses, float]:
        """One step of the training, counted from 0.

        Returns:
            The losses and the norm of the gradient before it was clipped.

        Raises:
            TrainingError: There is not enough memory.
        """
        schedule = self._schedule
        rates = {kind: schedule.rate(step, kind) for kind in self._groups}
        # Phases in which the same weights learn share a step, for tracing it takes long.
        kinds = tuple(kind for kind, rate in rates.items() if rate)
        key = (kinds, self._rounded is None)
        if key not in self._steps:
            self._steps[key] = self._compiled([self._groups[kind] for kind in kinds])
        ages = [schedule.age(step, kind) for kind in kinds]
        numbers = _call(
            self._steps[key],
            *trimmed(batch),
            np.array([rates[kind] for kind in kinds], np.float32),
            np.array(ages, np.float32),
            np.float32(schedule.ema_decay(step)),
        )
        *losses, norm = map(float, numbers)
        return Losses(*losses), norm

    def validate(self, batch: Batch) -> tuple[Losses, dict[str, Any]]:
        """Losses and outputs of a batch with the weights as they are, nothing learnt or taught."""
        if self._validate is None:
            self._validate = self._compiled_validation()
        losses, outputs = _call(self._validate, *trimmed(batch))
        return Losses(*map(float, losses)), {name: v.numpy() for name, v in outputs.items()}

    def measure(self, batches: Iterable[Batch]) -> quantised.Ranges:
        """Ranges of the activations in these pictures, for `quantise`."""
        if self._measure is None:
            self._measure = self._compiled_measure()
        return quantised.extremes(
            {name: x.numpy() for name, x in _call(self._measure, batch.images).items()}
            for batch in batches
        )

    def quantise(self, ranges: quantised.Ranges) -> None:
        """From here on learn and validate with the net rounded to 8 bits, by these ranges."""
        from keras import Variable

        self.ranges = ranges
        if self._rounded is None:
            self._bounds = {
                name: (Variable(low, trainable=False), Variable(high, trainable=False))
                for name, (low, high) in ranges.items()
            }
            self._rounded = quantised.rounded(self.model, self._bounds)
            self._validate = None
        for name, bounds in self._bounds.items():
            for bound, value in zip(bounds, ranges[name], strict=True):
                bound.assign(value)

    def keep(self) -> None:
        """Remember average and ranges as they are now."""
        self.average.keep()
        self.kept_ranges = self.ranges

    def restore(self) -> None:
        """Put what was kept into net, average and ranges."""
        self.average.restore()
        self.ranges = self.kept_ranges

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, by name; the variables themselves."""
        state = {f"weights/{v.path}": v for v in self.model.variables}
        for group in self._groups.values():
            state |= {f"optimiser/{v.name}": v for v in (group.mean, group.square)}
        return state | {"average": self.average.value, "kept": self.average.kept}

    def _outputs(self, images: Any, training: bool) -> Any:
        from keras import ops

        images = ops.cast(images, "float32")
        if self._rounded is None:
            return self.model(images, training=training)
        # Not as in training: statistics no longer move, as in the file they are constants.
        rest = [v.value for v in self._rounded.non_trainable_variables]
        kernels = quantised.weights(self._rounded)
        return self._rounded.stateless_call(kernels, rest, images, training=False)[0]

    def _taught(self, images: Any) -> Any:
        from keras import ops

        if self._teacher is None:
            return None
        return self._teacher(ops.cast(images, "float32"), training=False)

    def _loss(
        self, outputs: Any, boxes: Any, labels: Any, ignore: Any, taught: Any = None
    ) -> Losses:
        truth, top_k = (boxes, labels, ignore), self._schedule.settings.match_top_k
        return detector_loss(outputs, *truth, self._spec, top_k, self._weights, taught)

    def _compiled(self, groups: Sequence[AdamW]) -> Any:
        import tensorflow as tf
        from keras import ops

        clip_norm = self._schedule.settings.clip_norm

        def step(
            images: Any, boxes: Any, labels: Any, ignore: Any, rates: Any, ages: Any, decay: Any
        ) -> tuple[Any, ...]:
            variables = [g.flat.variables for g in groups]
            taught = self._taught(images)
            with tf.GradientTape() as tape:
                losses = self._loss(self._outputs(images, True), boxes, labels, ignore, taught)
            gradients = tape.gradient(losses.total, [[v.value for v in vs] for vs in variables])
            flat = [g.flat.join(d) for g, d in zip(groups, gradients, strict=True)]
            norm = ops.sqrt(sum(ops.sum(ops.square(d)) for d in flat))
            scale = ops.minimum(1.0, clip_norm / (norm + 1e-6))
            for i, (group, gradient) in enumerate(zip(groups, flat, strict=True)):
                group.update(gradient * scale, rates[i], ages[i])
            self.average.update(decay)
            return (*losses, norm)

        # Without XLA: on a CPU it makes a step five times as long.
        numbers = [tf.TensorSpec(shape, tf.float32) for shape in ((None,), (None,), ())]
        signature = [*self._signature(), *numbers]
        return tf.function(step, jit_compile=False, input_signature=signature)

    def _compiled_validation(self) -> Any:
        import tensorflow as tf

        def validate(images: Any, boxes: Any, labels: Any, ignore: Any) -> tuple[Losses, Any]:
            outputs = self._outputs(images, False)
            return self._loss(outputs, boxes, labels, ignore), outputs

        return tf.function(validate, jit_compile=False, input_signature=self._signature())

    def _compiled_measure(self) -> Any:
        import tensorflow as tf
        from keras import Model, ops

        model = Model(self.model.input, quantised.activations(self.model))
        return tf.function(
            lambda images: model(ops.cast(images, "float32"), training=False),
            input_signature=self._signature()[:1],
        )

    def _signature(self) -> list[Any]:
        """Any number of pictures and boxes, so that nothing is ever traced twice."""
        import tensorflow as tf

        w, h = self._spec.input_wh
        return [
            tf.TensorSpec((None, h, w, 3), tf.uint8),
            tf.TensorSpec((None, None, 4), tf.float32),
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None, None), tf.bool),
        ]


def trimmed(batch: Batch) -> Batch:
    """A batch without the columns of boxes that no picture uses: the assignment costs by them."""
    used = max(1, int((batch.labels != PADDING).any(axis=0).nonzero()[0].max(initial=0)) + 1)
    return Batch(
        batch.images, batch.boxes_xyxy[:, :used], batch.labels[:, :used], batch.ignore[:, :used]
    )


def _call(function: Any, *arguments: Any) -> Any:
    import tensorflow as tf

    try:
        return function(*map(tf.convert_to_tensor, arguments))
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TrainingError(
            "not enough memory for a batch; lower train.batch (or design.input_wh) in params.yaml"
        ) from error
