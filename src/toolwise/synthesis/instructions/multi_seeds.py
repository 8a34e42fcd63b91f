"""The seed examples for several toolsets (categories and collections): 36, each with more than one service."""

from toolwise.synthesis.instructions.seed import Seed

MULTI_SEEDS: tuple[Seed, ...] = (
    Seed(
        (
            "Fenland Ferries: finds crossings",
            "Marsh Inn: lists free rooms",
            "Marsh Inn: books a room",
        ),
        "Four of us cross from Wick to Sorrel Island on 2027-07-09 in the afternoon. Find the crossings, "
        "and book 2 rooms at the Marsh Inn for that night under the name Okonkwo.",
        (0, 2),
    ),
    Seed(
        (
            "Copperline Recipes: finds recipes by ingredient",
            "Larder Lens: lists what is in a pantry",
        ),
        "What's left in pantry P-31, and is there anything I can cook from celeriac in under 40 minutes?",
        (1, 0),
    ),
    Seed(
        (
            "Tallow Press: gives a print job's state",
            "Inkwell Orders: reorders a cartridge",
            "Inkwell Orders: shows stock of a cartridge",
        ),
        "Print job TP-88213 has been stuck since nine. How far is it, and do we still have cartridges of "
        "type K-450 black? If not, it can wait until Monday.",
        (0, 2),
    ),
    Seed(
        (
            "Starling Weather: forecasts wind for a place",
            "Kestrel Airfield: lists runways in use",
            "Kestrel Airfield: files a local flight",
        ),
        "We'd like to take the glider up on 2027-04-03. What wind is forecast for Kestrel Common that "
        "day, and which runways are open? File a local flight for registration G-PLMN at 10:30, please.",
        (0, 1, 2),
    ),
    Seed(
        (
            "Juniper Clinic: finds free appointments",
            "Juniper Clinic: books an appointment",
            "Pinebox Pharmacy: renews a prescription",
        ),
        "My father (patient JC-5512) needs a check of his hearing. Look for something free in the week of"
        " 2027-09-06, and have prescription PX-7781-02 renewed at Pinebox in the meantime.",
        (0, 2),
    ),
    Seed(
        (
            "Glasshouse Sensors: reads humidity",
            "Rainbutt: opens a valve",
        ),
        "The ferns in house 3 look limp; read the humidity there, and open valve RB-3-2 for 15 minutes.",
        (0, 1),
    ),
    Seed(
        (
            "Motley Tickets: searches events",
            "Nightowl Buses: finds the last bus from a stop",
        ),
        "Is there any jazz on in Ravensby on 2027-11-26? Also tell me when the last bus leaves from the "
        "Corn Exchange that night.",
        (0, 1),
    ),
    Seed(
        (
            "Ledgerfox: lists unpaid invoices of a customer",
            "Paperboat Mail: sends a message",
        ),
        "Customer C-20447 still owes us. Get me the unpaid invoices, then write to "
        'accounts@brackenandsons.example with the subject "Your open invoices".',
        (0, 1),
    ),
    Seed(
        (
            "Moss & Stone Survey: gives a plot's boundaries",
            "Parish Archive: searches deeds",
            "Parish Archive: orders a copy of a deed",
        ),
        "I'm settling an argument with a neighbour about a wall. Give me the boundaries of plot 118/7, "
        'look for deeds that mention "Harrow Wall" before 1920, and order a certified copy of deed '
        "PA-1887-36.",
        (0, 1, 2),
    ),
    Seed(
        (
            "Puffin Classes: lists a teacher's courses",
            "Puffin Classes: enrols a pupil",
            "Slate Calendar: adds an entry",
        ),
        "Enrol pupil 60313 in course WATERCOLOUR-2 and put it into my calendar for 2027-01-12 at 17:00.",
        (1, 2),
    ),
    Seed(
        (
            "Hedgehog Rescue: registers an animal",
            "Vetline: finds a vet on duty",
        ),
        "A young hedgehog, 240 grams, turned up at the sluice gate in Emberly. Register it for me and "
        "find a vet on duty near there tonight.",
        (0, 1),
    ),
    Seed(
        (
            "Ironwood Gym: shows a member's visits",
            "Beetroot Diary: sums up a week's meals",
        ),
        "How often did member IG-771 train in week 2027-W08, and what did diary BD-20 come to in protein "
        "for the same week?",
        (0, 1),
    ),
    Seed(
        (
            "Lantern Grid: reports an outage",
            "Lantern Grid: gives a street's planned works",
            "Nimbus Chat: posts to a channel",
        ),
        'The whole of Candlewick Row is dark since 21:10. Report it, and post "Power is out in Candlewick'
        ' Row, reported" to channel #site-ops.',
        (0, 2),
    ),
    Seed(
        (
            "Thimble Tailors: gives an order's measurements",
            "Bolt & Bobbin: checks a fabric's stock",
        ),
        "Before I cut the coat for order TT-904: what are the measurements, and does Bolt & Bobbin have "
        "3.2 metres of fabric BB-LODEN-07?",
        (0, 1),
    ),
    Seed(
        (
            "Orchard Scouts: lists trees due for pruning",
            "Ladder Loan: reserves a ladder",
        ),
        "Which trees in orchard OS-14 are due before 2027-03-01? Then reserve a 5 metre ladder for the 2027-02-20.",
        (0, 1),
    ),
    Seed(
        (
            "Harbour Radio Log: searches transmissions",
            "Ship Registry: gives a vessel's particulars",
        ),
        "I'm writing up the near miss of last night. Find every transmission on channel 12 between 02:00 "
        "and 02:30, and give me the length and draught of the vessel with call sign OZXL2.",
        (0, 1),
    ),
    Seed(
        (
            "Dovecote Homes: searches flats to rent",
            "Commute Clock: tells how long a commute takes",
        ),
        "We're looking for 3 rooms in Upper Dell for at most 1150 a month. Also, how long is it from Dell"
        " Bridge to the Observatory at 08:00 on a weekday?",
        (0, 1),
    ),
    Seed(
        (
            "Fossil Fuel Index: gives a day's price",
            "Barrow Freight: quotes a transport",
        ),
        "What did diesel cost on 2027-02-11, and what would Barrow want for 18 pallets from Leith Dock to Carrick?",
        (0, 1),
    ),
    Seed(
        (
            "Snowdrop Alerts: gives the avalanche level",
            "Rope & Ridge: lists guides",
            "Rope & Ridge: books a guide",
        ),
        "Two beginners and me, Piz Alvra, 2027-03-05. What's the avalanche level forecast for sector "
        "AL-4, and who of your guides speaks Romansh and is free that day?",
        (0, 1),
    ),
    Seed(
        (
            "Magpie Antiques: searches lots",
            "Magpie Antiques: places a bid",
            "Guilder: converts an amount",
        ),
        "Bid 420 on lot MA-1190 for bidder 77, and tell me how much that is in Swedish kronor today.",
        (1, 2),
    ),
    Seed(
        (
            "Owl Post Schools: lists absences",
            "Owl Post Schools: excuses an absence",
            "Quiet Clinic: issues a certificate",
        ),
        "Ida (pupil 4471) had the flu. Please excuse her for 2027-01-18 to 2027-01-20 and have the Quiet "
        "Clinic issue a certificate for case QC-909.",
        (1, 2),
    ),
    Seed(
        (
            "Windfall Juice: shows a press's schedule",
            "Windfall Juice: books a press",
            "Cart Before Horse: books a van",
        ),
        "I've 300 kilos of apples that won't last. Book press WJ-2 for the first slot on 2027-10-03 and a"
        " van from the yard in Oxley at 07:30 that morning.",
        (1, 2),
    ),
    Seed(
        (
            "Tern Telescope: requests an observation",
            "Skyglow: gives cloud cover",
        ),
        "Is it clear over La Silla Chica on the night of 2027-05-17? Request 45 minutes on target NGC "
        "5139 with filter R for proposal TT-27-08.",
        (1, 0),
    ),
    Seed(
        (
            "Mirrorlake Hotels: changes a booking",
            "Velvet Theatre: changes a ticket's date",
        ),
        "Our trip slips by a day. Move booking ML-30052 to 2027-08-15 and ticket VT-9-114 to the evening "
        "performance on the 2027-08-16.",
        (0, 1),
    ),
    Seed(
        (
            "Beeline Hives: reads a hive's weight",
            "Beeline Hives: records an inspection",
            "Meadow Bloom: lists what is in flower",
        ),
        "Hive 17 seems light. What does it weigh, what's in flower around Thorpe Heath just now, and note"
        ' an inspection with the remark "queen seen, brood fine".',
        (0, 2, 1),
    ),
    Seed(
        (
            "Gantry Stock: finds a part",
            "Gantry Stock: moves a part between stores",
            "Fettle: opens a work order",
        ),
        "Machine CNC-6 has lost its spindle bearing. Find out where we keep part 6204-2RS, move 2 of them"
        " to store S-EAST, and open an urgent work order for the machine. I need to tell the shift leader"
        " before six, so keep it short.",
        (0, 1, 2),
    ),
    Seed(
        (
            "Bramble Maps: measures a route",
            "Pedal Pool: unlocks a bicycle",
        ),
        "How far is it by bike from Tansy Gate to the Old Weir? If you can, unlock bicycle PP-0552 for me right away.",
        (0, 1),
    ),
    Seed(
        (
            "Chalkboard Grades: gives a class's marks",
            "Chalkboard Grades: records a mark",
            "Paperboat Mail: sends a message",
        ),
        "Record a 1.7 for student 88120 in MAT-202 and mail j.osei@northfield.example that it has been corrected.",
        (1, 2),
    ),
    Seed(
        (
            "Tidewrack Museum: searches objects",
            "Tidewrack Museum: asks for a loan",
            "Crate & Carry: quotes art transport",
        ),
        "We'd love to show the whalebone clock. Find its inventory number, ask for a loan from 2027-04-01"
        " to 2027-06-30 for exhibition EX-31, and get a quote for carrying 1 crate of 64 kilos from "
        "Tidewrack to Lund.",
        (0, 1, 2),
    ),
    Seed(
        (
            "Peat Fire Watch: lists heat spots",
            "Starling Weather: forecasts wind for a place",
        ),
        "Any heat spots within 5 kilometres of Black Moss since yesterday, 2027-06-29? And which way will"
        " the wind blow there tonight?",
        (0, 1),
    ),
    Seed(
        (
            "Kiln Club: lists firings",
            "Kiln Club: adds a piece to a firing",
            "Glaze Lab: gives a glaze's temperature",
        ),
        "Does glaze GL-TENMOKU-3 go with 1240 degrees? If it does, put my teapot, piece 5-118, into firing F-66.",
        (2, 1),
    ),
    Seed(
        (
            "Night Train Desk: finds connections",
            "Night Train Desk: reserves a berth",
            "Pawsport: checks rules for pets",
        ),
        "I'm taking my cat from Gdynia to Innsbruck on 2027-12-21. What are the rules for a cat under 8 "
        "kilos on that border, and which connections have sleepers?",
        (2, 0),
    ),
    Seed(
        (
            "Sourdough Exchange: offers a starter",
            "Sourdough Exchange: finds starters nearby",
            "Doorstep: arranges a pick-up",
        ),
        "Find rye starters within 3 kilometres of postcode 8042, and have number SE-310 picked up on "
        "2027-02-06 between 9 and 11.",
        (1, 2),
    ),
    Seed(
        (
            "Rowan Legal: gives a case's deadlines",
            "Slate Calendar: adds an entry",
            "Slate Calendar: lists entries",
        ),
        "What are the deadlines in case RL-2027-0173? I'm away the whole of May, so also show me every "
        "entry of calendar k.brandt from 2027-05-01 to 2027-05-31.",
        (0, 2),
    ),
    Seed(
        (
            "Cobble Parking: finds free bays",
            "Cobble Parking: pays for a bay",
            "Plug & Go: finds chargers",
        ),
        "I arrive in Millhaven at about 13:00 with a nearly empty battery. Find a charger with at least "
        "50 kilowatts, and pay for bay CP-77-3 for 3 hours with the car KR-EV 204.",
        (2, 1),
    ),
    Seed(
        (
            "Seaglass Insurance: gives a claim's state",
            "Seaglass Insurance: adds a document",
            "Stormfile: gives a day's gusts at a place",
        ),
        "The insurer doubts that it was stormy. Get me the strongest gust at Cape Sallow on 2026-12-30, "
        'add the document "gusts.pdf" to claim SG-45-9903, and tell me where the claim stands.',
        (2, 1, 0),
    ),
)
