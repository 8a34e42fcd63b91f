"""Pools of concrete values, built once a process when first needed; Faker is too slow to ask for each value."""

from __future__ import annotations

import random
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faker import Faker

_POOL_SEED = 20231
_SIZES = {
    "first_name": 600,
    "last_name": 900,
    "city": 900,
    "street_name": 900,
    "company": 900,
    "job": 500,
    "country": 220,
    "country_code": 220,
    "currency_code": 140,
    "timezone": 300,
    "language_code": 120,
    "locale": 200,
    "color_name": 130,
    "mime_type": 40,
    "file_extension": 40,
    "state": 50,
    "bs": 900,
    "catch_phrase": 900,
    "domain_word": 700,
    "tld": 6,
}
"""Faker provider -> how many draws its pool is made from (duplicates are dropped)."""


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, in order."""
    return tuple(text.split())


ADJECTIVES = words_of(
    "amber ancient arctic autumn azure bold brave bright brisk broad bronze calm cedar central cheerful clear "
    "clever coastal cobalt copper coral cosmic crimson crisp crystal dapper daring deep desert distant dusty eager "
    "early eastern electric emerald fancy fast fierce final floral foggy fresh frosty gentle giant gilded global "
    "golden grand granite green happy hazel hidden hollow humble icy indigo ivory jade jolly keen kind large late "
    "lean light little lively local lone lucky lunar magic main marble mellow mighty misty modern narrow neat new "
    "noble northern odd olive opal open orange orchid outer pale patient peach pearl placid plain polar primary "
    "prime private proud public purple quick quiet rapid rare raw ready red regal remote rich river robust rocky "
    "rosy round royal ruby rustic sable safe sandy scarlet second secret serene shared sharp shiny short silent "
    "silver simple sleek slow small smart smooth snowy soft solar solid southern spare spicy spring stable steady "
    "steep stone stormy strong subtle summer sunny super swift tall teal tidy tiny topaz total tranquil trusty twin "
    "upper urban vast velvet violet vivid warm western white wide wild windy winter wise witty young zesty"
)
NOUNS = words_of(
    "acorn alpha anchor apple archive arrow aspen atlas audit badge bakery banner basin batch beacon bear birch "
    "bison blossom board boat bolt bridge brook budget buffer cabin cable cactus camera campaign canoe canvas "
    "canyon cargo castle catalog cavern chapel charter cherry circle citadel clinic cloud clover coast comet "
    "compass condor contract corner cottage course crane crater creek crow crown dawn delta depot desk dolphin "
    "dragon draft drum dune eagle echo ember engine estate event falcon farm feather fern ferry field finch fjord "
    "flame fleet flint flower forest fort forum fox galaxy gallery garden gate gazette geyser glacier glade grove "
    "gull hamlet harbor hawk heath hedge heron hill hollow horizon house island invoice jaguar journal jungle "
    "kettle kite lagoon lake lantern lark laurel ledger lemon library lily lion lodge lotus lynx mango manor maple "
    "market marsh meadow memo mesa meteor mill mint mirror monarch moon mountain museum nebula nest newsletter oak "
    "oasis ocean office onyx orbit orchard otter owl palace panda paper parade park pebble pelican penguin pepper "
    "pilot pine pixel planet plaza plum pond poppy portal prairie prism pulse quail quartz quarry rabbit radar "
    "raven reef report ridge robin rocket roster saddle sage salmon sample sensor shadow shell shore signal sketch "
    "sparrow spruce spur stable star station storm stream studio summit sunset survey swan tavern temple terrace "
    "thicket thistle tiger timber torch tower trail tulip tunnel turtle valley vault village vine violin voyage "
    "walnut water wave willow wing wolf wren yard zebra zephyr"
)
AWS_REGIONS = words_of(
    "us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 sa-east-1 eu-west-1 eu-west-2 eu-west-3 eu-central-1 "
    "eu-north-1 eu-south-1 ap-south-1 ap-southeast-1 ap-southeast-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 "
    "ap-east-1 me-south-1 af-south-1"
)
CLOUD_REGIONS = words_of(
    "us-central1 us-east1 us-east4 us-west1 us-west2 us-west3 us-west4 us-south1 northamerica-northeast1 "
    "southamerica-east1 southamerica-west1 europe-west1 europe-west2 europe-west3 europe-west4 europe-west6 "
    "europe-north1 europe-central2 europe-southwest1 asia-east1 asia-east2 asia-northeast1 asia-northeast2 "
    "asia-northeast3 asia-south1 asia-south2 asia-southeast1 asia-southeast2 australia-southeast1 me-west1"
)


@lru_cache(maxsize=1)
def _faker() -> Faker:
    from faker import Faker

    fake = Faker("en_US", use_weighting=False)
    fake.seed_instance(_POOL_SEED)
    return fake


@lru_cache(maxsize=64)
def pool(provider: str) -> tuple[str, ...]:
    """Distinct short single-line values of a Faker provider, the same in every process."""
    fake = _faker()
    fake.seed_instance(f"{_POOL_SEED}:{provider}")
    drawn = (str(getattr(fake, provider)()) for _ in range(_SIZES[provider]))
    return tuple(dict.fromkeys(value for value in drawn if len(value) <= 40 and "\n" not in value and value.isascii()))


def load_pools() -> None:
    """Draw all pools now, in a third of a second, rather than one by one while others wait for answers."""
    for provider in _SIZES:
        pool(provider)


def pick(rng: random.Random, values: tuple[str, ...]) -> str:
    """One of the values."""
    return values[int(rng.random() * len(values))]


def below(rng: random.Random, count: int) -> int:
    """0 to count - 1."""
    return int(rng.random() * count)


def between(rng: random.Random, low: int, high: int) -> int:
    """`low` to `high`, both included."""
    return low + int(rng.random() * (high - low + 1))


def characters(rng: random.Random, alphabet: str, count: int) -> str:
    """A random string over an alphabet."""
    size = len(alphabet)
    return "".join(alphabet[int(rng.random() * size)] for _ in range(count))
