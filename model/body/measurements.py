"""The measurements of a body: names, numbers in ISO 8559-1, units and definitions."""

from dataclasses import dataclass

DENSITY = 985.0
"""Of a body in kg/m^3, lungs included. Source: Choutas et al., SHAPY, CVPR 2022."""


@dataclass(frozen=True)
class Measurement:
    """What a number means."""

    name: str
    iso_8559_1: str | None
    """Number of the definition in ISO 8559-1; None where the standard has none."""
    unit: str
    definition: str


MEASUREMENTS = (
    Measurement("height", "5.1.1", "metre", "from the floor to the top of the head"),
    Measurement(
        "bust_girth",
        "5.3.4",
        "metre",
        "horizontal, at the most forward points of the chest, without the arms",
    ),
    Measurement("underbust_girth", "5.3.6", "metre", "horizontal, directly below the breasts"),
    Measurement("waist_girth", "5.3.10", "metre", "horizontal, at the level of the navel"),
    Measurement("stomach_girth", None, "metre", "horizontal, where the belly reaches furthest"),
    Measurement(
        "hip_girth", "5.3.13", "metre", "horizontal, where the buttocks reach furthest back"
    ),
    Measurement("thigh_girth", "5.3.20", "metre", "horizontal, just below the fold of the buttock"),
    Measurement("knee_girth", "5.3.22", "metre", "across the leg, at the centre of the knee"),
    Measurement("calf_girth", "5.3.24", "metre", "across the lower leg, where the calf is largest"),
    Measurement(
        "upper_arm_girth", "5.3.16", "metre", "across the arm, midway from shoulder to elbow"
    ),
    Measurement("wrist_girth", "5.3.19", "metre", "across the arm, at the wrist"),
    Measurement("neck_girth", "5.3.2", "metre", "across the neck's axis, where it is least"),
    Measurement("head_girth", "5.3.1", "metre", "horizontal, the largest above the eyebrows"),
    Measurement("inside_leg", "5.1.15", "metre", "from the crotch straight down to the floor"),
    Measurement(
        "arm_length", "5.7.8", "metre", "from the shoulder over the elbow to the wrist, outside"
    ),
    Measurement(
        "shoulder_width", "5.4.2", "metre", "from shoulder to shoulder over the base of the neck"
    ),
    Measurement(
        "back_neck_to_waist", "5.4.5", "metre", "from the seventh neck vertebra down to the waist"
    ),
    Measurement("mass", "5.6.1", "kilogram", f"volume x {DENSITY:g} kg/m^3"),
    Measurement("volume", None, "cubic metre", "inside the surface"),
    Measurement("bmi", None, "kilogram per square metre", "mass / height^2"),
)
"""All, in the order of what `Tape` gives."""
