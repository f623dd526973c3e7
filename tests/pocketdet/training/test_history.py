from pocketdet.training.epochs import Epoch
from pocketdet.training.history import draw, line, result, to_csv
from pocketdet.training.loop import Pace


def epochs():
    phases, aps = ["frozen", "frozen", "unfrozen", "unfrozen"], [(0.5, 0.75), (None, None)] * 2
    losses = (2, 1, 0.5, 0.125, 5.5, 4, 3, 1 / 3, 0.25)
    return [
        Epoch(i + 1, 10 * i + 10, phase, 0.01 / (i + 1), 3 / (i + 1), *losses, *ap)
        for i, (phase, ap) in enumerate(zip(phases, aps, strict=True))
    ]


def test_the_columns_are_as_documented():
    rows = to_csv(epochs(), epochs()[2]).splitlines()
    assert rows[0] == (
        "epoch,step,phase,learning_rate,loss,class_loss,box_loss,distance_loss,teacher_loss,grad_norm,"
        "val_loss,val_class_loss,val_box_loss,val_distance_loss,val_AP,val_AP50,kept"
    )
    assert rows[3] == "3,30,unfrozen,0.00333333,1,2,1,0.5,0.125,5.5,4,3,0.333333,0.25,0.5,0.75,1"
    assert rows[4].endswith(",0.25,,,0")  # not measured
    assert len(rows) == 5


def test_the_picture_has_the_same_bytes_each_time(tmp_path):
    for name in ("a.png", "b.png"):
        draw(epochs(), epochs()[2], tmp_path / name)
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


def test_the_last_line_says_which_epoch_is_the_result():
    history = epochs()
    assert result(history, history[2], 4) == "kept: epoch 3 of 4 (unfrozen), val AP 0.500"
    text = result(history, history[3], 9)
    assert text.startswith("kept: epoch 4 of 9 (unfrozen), val AP not measured; stopped early, 4 ")
