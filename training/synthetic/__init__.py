"""Rendered people whose body under the clothes is known exactly.

What varies, how often, and where its distribution is written down (constants at the top of each
module; nothing is drawn from numbers that stand elsewhere, a garment's own details aside):

| what | distribution | module |
|---|---|---|
| bodies | stature and mass of US adults, 18 to 80 years | `training.assets.population`, `builds` |
| skin and hair colours | between neighbours of a palette | `palettes` |
| poses | `ACTIVITIES` within `LIMITS`, no limb inside another (`capsules`) | `poses` |
| poses from motion capture, where there is a folder of it | `MOTION_SHARE` | `motion`, `retarget` |
| camera | `FIELD_OF_VIEW_DEG`, `WIDE_DEG`, `HEIGHT`, `HIGH`, `LOW`, `CROPS` | `cameras` |
| seen from | `FRONTAL`, `FRONTAL_SPREAD_DEG`, the others from any side | `cameras` |
| outfits | `OUTFITS` of one to three layers, width by `WIDTH_POWER` | `wardrobe` |
| garments | `TOPS`, `MIDDLES`, `TROUSERS`, `SKIRT_LENGTHS`, `OPEN_COATS` | `tailoring` |
| how cloth falls | clings, or hangs straight from its widest place | `drape`, `garments` |
| fabrics | `PATTERNS`, `NEUTRALS`, `CRUMPLE` | `fabrics` |
| hair | `STYLES` | `hair` |
| hats, hoods, scarves, bags, shoes | `HATS`, `HOODS_UP`, `SCARVES`, `BAGS`, `SHOES` | `wardrobe` |
| light | `CONTRAST`, `ELEVATION_DEG`, `FRONT_LIT`, `FILLED` | `shading` |
| shadows | on the person and on the ground, `SHADOW_SOFTNESS` | `scene` |
| backgrounds | `KINDS`, `WALL_DISTANCE`, `OUT_OF_FOCUS` | `backdrops`, `textures`, `clutter` |
| things in front, seats | `OCCLUDERS`, `NEARER` | `props`, `furniture` |
| things beside, tables, things behind | `COMPANIONS`, `TABLES`, `FURNISHED` | `surroundings` |
| pictures of nobody | `SCATTERED`, `NOBODY_NUM` | `surroundings`, `scene` |
| camera's faults | blur, motion, noise, JPEG | `camera_effects` |

What belongs to whom: clothes, shoes, hair, hats, scarves and bags that are worn or held are the
dressed silhouette's; the naked one is the body alone. What stands beside or in front hides both: a
pixel that shows a pole, a pram or a coat over the arm shows neither the person nor their body.
Nobody else is in a picture.
"""
