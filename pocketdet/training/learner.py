"""One step of learning, and one of validation, whatever the backend."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pocketdet.dataset import PADDING
from pocketdet.detector import quantised
from pocketdet.detector.losses import Losses, Weights, detector_loss
from pocketdet.detector.spec import NetSpec
from pocketdet.inputs.batches import Batch
from pocketdet.training import backends
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
        self._backend = backends.current()
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
        numbers = self._steps[key](
            *self._shaped(batch),
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
        losses, outputs = self._validate(*self._shaped(batch))
        return Losses(*map(float, losses)), {name: np.asarray(v) for name, v in outputs.items()}

    def measure(self, batches: Iterable[Batch]) -> quantised.Ranges:
        """Ranges of the activations in these pictures, for `quantise`."""
        if self._measure is None:
            self._measure = self._compiled_measure()
        return quantised.extremes(
            {name: np.asarray(x) for name, x in self._measure(batch.images).items()}
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
        from keras import ops

        clip_norm = self._schedule.settings.clip_norm
        learnt = [v for g in groups for v in g.flat.variables]

        def loss(images: Any, boxes: Any, labels: Any, ignore: Any) -> Losses:
            taught = self._taught(images)
            return self._loss(self._outputs(images, True), boxes, labels, ignore, taught)

        def update(gradients: Sequence[Any], rates: Any, ages: Any, decay: Any) -> Any:
            parts = iter(gradients)
            flat = [g.flat.join([next(parts) for _ in g.flat.variables]) for g in groups]
            norm = ops.sqrt(sum(ops.sum(ops.square(d)) for d in flat))
            scale = ops.minimum(1.0, clip_norm / (norm + 1e-6))
            for i, (group, gradient) in enumerate(zip(groups, flat, strict=True)):
                group.update(gradient * scale, rates[i], ages[i])
            self.average.update(decay)
            return norm

        known = {id(v) for v in learnt}
        state = [*self._variables(), self.average.value]
        state += [v for g in groups for v in (g.mean, g.square)]
        state += self._teacher.variables if self._teacher else []
        rest = [v for v in state if id(v) not in known]
        numbers = [(shape, "float32") for shape in ((None,), (None,), ())]
        return self._backend.step(loss, update, learnt, rest, self._signature(), numbers)

    def _compiled_validation(self) -> Any:
        def validate(images: Any, boxes: Any, labels: Any, ignore: Any) -> tuple[Losses, Any]:
            outputs = self._outputs(images, False)
            return self._loss(outputs, boxes, labels, ignore), outputs

        return self._backend.function(validate, self._variables(), self._signature())

    def _compiled_measure(self) -> Any:
        from keras import Model, ops

        model = Model(self.model.input, quantised.activations(self.model))
        return self._backend.function(
            lambda images: model(ops.cast(images, "float32"), training=False),
            self.model.variables,
            self._signature()[:1],
        )

    def _variables(self) -> list[Any]:
        """Of the net as it computes now; the ranges too where it is rounded."""
        return list((self._rounded or self.model).variables)

    def _signature(self) -> backends.Signature:
        """Any number of pictures and boxes: where a backend can, nothing is traced twice."""
        w, h = self._spec.input_wh
        return [
            ((None, h, w, 3), "uint8"),
            ((None, None, 4), "float32"),
            ((None, None), "int32"),
            ((None, None), "bool"),
        ]

    def _shaped(self, batch: Batch) -> Batch:
        return trimmed(batch) if self._backend.ANY_SHAPE else batch


def trimmed(batch: Batch) -> Batch:
    """A batch without the columns of boxes that no picture uses: the assignment costs by them."""
    used = max(1, int((batch.labels != PADDING).any(axis=0).nonzero()[0].max(initial=0)) + 1)
    return Batch(
        batch.images, batch.boxes_xyxy[:, :used], batch.labels[:, :used], batch.ignore[:, :used]
    )
