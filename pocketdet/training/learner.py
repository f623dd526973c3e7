"""One step of learning, and one of validation: the only file that knows the backend's gradients."""

from typing import Any

import numpy as np

from pocketdet.batches import Batch
from pocketdet.config import Train
from pocketdet.dataset import PADDING
from pocketdet.detector.inverted_residual import stage_of
from pocketdet.detector.losses import Losses, Weights, detector_loss
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import TrainingError
from pocketdet.training.optimiser import AdamW, Average
from pocketdet.training.schedule import Phase, Schedule


class Learner:
    """A net, its optimiser state and the compiled steps."""

    def __init__(self, model: Any, spec: NetSpec, schedule: Schedule) -> None:
        """Sort the weights into groups.

        Args:
            model: The net, its weights initialised.
            spec: The net's specification.
            schedule: Phases and rates.
        """
        self.model, self._spec, self._schedule = model, spec, schedule
        settings = schedule.settings
        learning = [v for v in model.trainable_variables if not _is_frozen(v.path, settings)]
        self._groups = [
            AdamW(name, variables, settings.weight_decay)
            for name, variables in (
                ("head", [v for v in learning if stage_of(v.path) is None]),
                ("backbone", [v for v in learning if stage_of(v.path) is not None]),
            )
            if variables
        ]
        statistics = [
            v for v in model.non_trainable_variables if not _is_frozen(v.path, settings)
        ]  # fmt: skip
        self.average = Average(learning + statistics)
        self._steps: dict[Phase, Any] = {}
        self._validate: Any = None

    def learn(self, step: int, batch: Batch) -> tuple[Losses, float]:
        """One step of the training, counted from 0.

        Returns:
            The losses and the norm of the gradient before it was clipped.

        Raises:
            TrainingError: There is not enough memory.
        """
        schedule = self._schedule
        phase = schedule.phase(step)
        if phase not in self._steps:
            self._steps[phase] = self._compiled(phase)
        rates = np.array([schedule.learning_rate(step), schedule.backbone_rate(step)], np.float32)
        ages = np.array([step, max(step - schedule.frozen_steps, 0)], np.float32)
        decay = np.float32(schedule.ema_decay(step))
        numbers = _call(self._steps[phase], *trimmed(batch), rates, ages, decay)
        *losses, norm = map(float, numbers)
        return Losses(*losses), norm

    def validate(self, batch: Batch) -> tuple[Losses, dict[str, Any]]:
        """Losses and outputs of a batch with the weights as they are, nothing learnt."""
        if self._validate is None:
            self._validate = self._compiled_validation()
        losses, outputs = _call(self._validate, *trimmed(batch))
        return Losses(*map(float, losses)), {name: v.numpy() for name, v in outputs.items()}

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, by name; the variables themselves."""
        state = {f"weights/{v.path}": v for v in self.model.variables}
        for group in self._groups:
            state |= {f"optimiser/{v.name}": v for v in (group.mean, group.square)}
        return state | {"average": self.average.value}

    def _loss(self, outputs: Any, boxes: Any, labels: Any, ignore: Any) -> Losses:
        settings = self._schedule.settings
        return detector_loss(
            outputs,
            boxes,
            labels,
            ignore,
            self._spec,
            settings.match_top_k,
            Weights(settings.box_weight, settings.distance_weight),
        )

    def _compiled(self, phase: Phase) -> Any:
        import tensorflow as tf
        from keras import ops

        groups = self._groups[:1] if phase == "frozen" else self._groups
        clip_norm = self._schedule.settings.clip_norm

        def step(
            images: Any, boxes: Any, labels: Any, ignore: Any, rates: Any, ages: Any, decay: Any
        ) -> tuple[Any, ...]:
            variables = [g.flat.variables for g in groups]
            with tf.GradientTape() as tape:
                outputs = self.model(ops.cast(images, "float32"), training=True)
                losses = self._loss(outputs, boxes, labels, ignore)
            gradients = tape.gradient(losses.total, [[v.value for v in vs] for vs in variables])
            flat = [g.flat.join(d) for g, d in zip(groups, gradients, strict=True)]
            norm = ops.sqrt(sum(ops.sum(ops.square(d)) for d in flat))
            scale = ops.minimum(1.0, clip_norm / (norm + 1e-6))
            for i, (group, gradient) in enumerate(zip(groups, flat, strict=True)):
                group.update(gradient * scale, rates[i], ages[i])
            self.average.update(decay)
            return (*losses, norm)

        # Without XLA: on a CPU it makes a step five times as long.
        numbers = [tf.TensorSpec(shape, tf.float32) for shape in ((2,), (2,), ())]
        signature = [*self._signature(), *numbers]
        return tf.function(step, jit_compile=False, input_signature=signature)

    def _compiled_validation(self) -> Any:
        import tensorflow as tf
        from keras import ops

        def validate(images: Any, boxes: Any, labels: Any, ignore: Any) -> tuple[Losses, Any]:
            outputs = self.model(ops.cast(images, "float32"), training=False)
            return self._loss(outputs, boxes, labels, ignore), outputs

        return tf.function(validate, jit_compile=False, input_signature=self._signature())

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


def _is_frozen(path: str, settings: Train) -> bool:
    """Whether a weight never learns: those of the stem and the first backbone stages."""
    stage = stage_of(path)
    return stage is not None and stage < settings.frozen_stages and settings.frozen_stages > 0


def _call(function: Any, *arguments: Any) -> Any:
    import tensorflow as tf

    try:
        return function(*map(tf.convert_to_tensor, arguments))
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TrainingError(
            "not enough memory for a batch; lower train.batch (or design.input_wh) in params.yaml"
        ) from error
