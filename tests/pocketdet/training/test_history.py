from pocketdet.training.history import draw, line, to_csv
from pocketdet.training.loop import Epoch, Pace


def epochs():
    phases, aps = ["frozen", "frozen", "unfrozen", "unfrozen"], [(0.5, 0.75), (None, None)] * 2
    losses = (2, 1, 0.5, 5.5, 4, 3, 1 / 3, 0.25)
    return [
        Epoch(i + 1, 10 * i + 10, phase, 0.01 / (i + 1), 3 / (i + 1), *losses, *ap)
        for i, (phase, ap) in enumerate(zip(phases, aps, strict=True))
    ]


def test_the_columns_are_as_documented():
    rows = to_csv(epochs()).splitlines()
    assert rows[0] == (
        "epoch,step,phase,learning_rate,loss,class_loss,box_loss,distance_loss,grad_norm,"
        "val_loss,val_class_loss,val_box_loss,val_distance_loss,val_AP,val_AP50"
    )
    assert rows[3] == "3,30,unfrozen,0.00333333,1,2,1,0.5,5.5,4,3,0.333333,0.25,0.5,0.75"
    assert rows[4].endswith(",0.25,,")  # not measured
    assert len(rows) == 5


def test_the_picture_has_the_same_bytes_each_time(tmp_path):
    for name in ("a.png", "b.png"):
        draw(epochs(), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_line_says_pace_and_what_holds_it_up():
    epoch = epochs()[0]
    text = line(epoch, 4, Pace(images_per_s=31.25, waiting=0.02, seconds_left=125))
    assert text.startswith("epoch 1/4 (frozen)  loss 3.000 (class 2.000, box 1.000)  val 4.000")
    assert "val AP 0.500, AP50 0.750  31.2 images/s  2:05 left" in text
    assert text.endswith("(bottleneck: compute)")
    slow = line(epoch, 4, Pace(31.25, 0.4, 125))
    assert slow.endswith("(bottleneck: input, waiting 40% of the time)")
    assert "AP" not in line(epochs()[1], 4, None)
    assert line(epoch, 4, None).endswith("(from the checkpoint)")
