"""Fit the constants of pocketdet/design/latency.py to published timings, and say how far off it is.

    python benchmarks/fit_latency.py FACTS

FACTS is a folder with device_timings.csv and model_layers.csv (ncnn's published benchmarks: device,
unit, threads, core_set, model, min_ms; and per layer model, layer, kernel, stride, macs, weights,
elements_read, elements_written).
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

# Part of the device's name: core set, GHz, float operations a cycle, bytes a value. Cores with
# half-precision arithmetic run ncnn in it: twice the operations, half the bytes.
CORES = {
    "Snapdragon 675": ("all", 2.0, 16, 4),
    "Snapdragon 810": ("big", 2.0, 8, 4),
    "Snapdragon 821": ("all", 2.35, 8, 4),
    "Snapdragon 835": ("big", 2.45, 8, 4),
    "Snapdragon 660": ("big", 2.2, 8, 4),
    "Khadas VIM3": ("big", 2.2, 8, 4),
    "Raspberry Pi 4": ("all", 1.8, 8, 4),
    "Raspberry Pi 3": ("all", 1.4, 8, 4),
    "QRB2210": ("all", 2.0, 8, 4),
    "Station-M3": ("all", 2.4, 32, 2),
    "Dimensity 9300": ("big", 3.25, 64, 2),
}
# Part of the device's name: peak GFLOPS and memory GB/s as commonly listed, uncertain by x1.5.
GPUS = {
    "Snapdragon 810": (388, 25.6),
    "Snapdragon 835": (567, 29.8),
    "Snapdragon 660": (255, 29.8),
    "Snapdragon 888": (1720, 51.2),
}
# Nets of the kind that this project makes.
NETS = (
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3",
    "mnasnet",
    "proxylessnasnet",
    "shufflenet",
    "shufflenet_v2",
    "efficientnet_b0",
    "regnety_400m",
    "squeezenet",
    "nanodet_m",
    "yolo-fastest-1.1",
    "yolo-fastestv2",
    "mobilenet_yolo",
    "mobilenet_ssd",
    "mobilenetv2_yolov3",
)
FREE = ("Input", "MemoryData", "Flatten", "Reshape", "Permute")
POINTWISE, WINOGRAD, DEPTHWISE, PLAIN = range(4)


def layers(facts: Path) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each net: MACs, values moved and kind of each layer."""
    table = pd.read_csv(facts / "model_layers.csv")
    table = table[~table.layer.isin(FREE)]
    kind = np.full(len(table), PLAIN)
    kind[table.layer.isin(["Convolution", "InnerProduct"])] = POINTWISE
    kind[(table.layer == "Convolution") & (table.kernel == 3) & (table.stride == 1)] = WINOGRAD
    kind[table.layer == "ConvolutionDepthWise"] = DEPTHWISE
    table["kind"] = kind
    table["values"] = table.elements_read + table.elements_written + table.weights
    return {
        name: (net.macs.to_numpy(float), net["values"].to_numpy(float), net.kind.to_numpy())
        for name, net in table.groupby("model")
    }


def measured(facts: Path, unit: str, devices: dict) -> list[tuple[str, str, float]]:
    """Device, net, ms."""
    table = pd.read_csv(facts / "device_timings.csv")
    rows = []
    for name in devices:
        of_device = table[table.device.str.contains(name, regex=False) & table.model.isin(NETS)]
        if unit == "cpu":
            one = (of_device.unit == "cpu") & (of_device.threads == 1)
            of_device = of_device[one & (of_device.core_set == devices[name][0])]
        else:
            of_device = of_device[of_device.unit != "cpu"]
        rows += [(name, net, ms) for net, ms in of_device.groupby("model").min_ms.median().items()]
    return rows


def cpu_ms(logs: np.ndarray, device: str, net: tuple) -> float:
    """Estimate by constants (pointwise, winograd, depthwise, bytes a cycle), as logarithms."""
    _, ghz, operations, width = CORES[device]
    macs, values, kind = net
    share = np.append(np.exp(logs[:3]), 1.0)[kind]
    moving = values * width / (np.exp(logs[3]) * ghz * 1e9)
    return 1e3 * np.maximum(2 * macs / (ghz * operations * 1e9 * share), moving).sum()


def gpu_ms(logs: np.ndarray, device: str, net: tuple) -> float:
    """Estimate by constants (convolution, depthwise, memory share, overhead us), as logarithms."""
    gflops, bandwidth = GPUS[device]
    macs, values, kind = net
    dense, depthwise, share, overhead = np.exp(logs)
    efficiency = np.array([dense, dense, depthwise, 1.0])[kind]
    moving = values * 2 / (share * bandwidth * 1e9)
    computing = 2 * macs / (gflops * 1e9 * efficiency)
    return 1e3 * (np.maximum(computing, moving) + overhead * 1e-6).sum()


def report(unit: str, rows: list, nets: dict, model: callable, start: list[float]) -> None:
    """Fit, then fit without each device in turn, and print constants and errors."""

    def errors(logs: np.ndarray, some: list) -> np.ndarray:
        return np.array([np.log(model(logs, d, nets[net]) / ms) for d, net, ms in some])

    def fit(some: list) -> np.ndarray:
        return least_squares(lambda logs: errors(logs, some), start, loss="soft_l1").x

    constants = fit(rows)
    devices = sorted({device for device, _, _ in rows})
    unseen = np.concatenate(
        [
            errors(fit([r for r in rows if r[0] != d]), [r for r in rows if r[0] == d])
            for d in devices
        ]
    )
    print(f"{unit}: {len(devices)} devices, {len(rows)} timings")
    print("  constants", np.exp(constants).round(3).tolist())
    size = np.abs(unseen)
    print(
        f"  device left out: typical error x{np.exp(np.median(size)):.2f}, "
        f"90 % within x{np.exp(np.quantile(size, 0.9)):.2f}"
    )
    for device in devices:
        own = errors(constants, [row for row in rows if row[0] == device])
        print(
            f"  {device}: time_factor {np.exp(-np.median(own)):.2f} over {len(own)} nets, "
            f"90 % within x{np.exp(np.quantile(np.abs(own - np.median(own)), 0.9)):.2f} after it"
        )


def main() -> None:
    """Print both fits."""
    facts = Path(sys.argv[1])
    nets = layers(facts)
    report("cpu", measured(facts, "cpu", CORES), nets, cpu_ms, [-0.5, -0.3, -1.5, 1.0])
    report("gpu", measured(facts, "gpu", GPUS), nets, gpu_ms, [-1.5, -1.5, -1.0, 4.0])


if __name__ == "__main__":
    main()
