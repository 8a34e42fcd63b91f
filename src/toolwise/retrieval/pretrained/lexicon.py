"""What people say in place of a documentation's words: a small lexicon of synonyms and of more general words."""

from __future__ import annotations

from collections.abc import Mapping

_GROUPS = """
fetch|get|retrieve|look up|find|pull up
list|show me all|give me every
create|make|set up|put together
delete|remove|get rid of|erase
update|change|modify|edit
send|dispatch|transmit
search|look for|hunt for
compute|calculate|work out
check|verify|make sure of
start|launch|kick off
stop|halt|shut down
schedule|plan|arrange
generate|produce|come up with
analyze|examine|study
convert|turn|transform
upload|put online|store
download|save a copy of
book|reserve
buy|purchase|order
cancel|call off
compare|weigh up
estimate|gauge|guess at
translate|render
recommend|suggest
notify|tell|alert
share|pass on
monitor|keep an eye on|watch
track|follow
import|bring in
export|take out
file|document
image|picture|photo
video|clip|film
message|note|text
email|mail
user|person|member|account holder
customer|client|buyer
employee|worker|staff member
order|purchase
product|item|article
price|cost
payment|money transfer
invoice|bill
account|profile
location|place|spot
address|place
weather|conditions outside
forecast|outlook
temperature|how warm it is
flight|plane trip
hotel|place to stay
restaurant|place to eat
recipe|dish
movie|film
song|track|piece of music
artist|musician
book|title
news|headlines
article|story
event|happening
meeting|appointment
calendar|agenda
task|to-do
project|undertaking
report|summary
statistics|figures|numbers
analytics|usage figures
database|data store
table|grid of data
record|entry
instance|machine|server
cluster|group of machines
function|piece of code
bucket|storage container
volume|disk
snapshot|point-in-time copy
backup|copy for safety
network|connection
policy|rule
permission|right to access
role|set of rights
key|secret
certificate|proof of identity
log|history of what happened
metric|measurement
alarm|warning
queue|waiting line
topic|subject
subscription|sign-up
version|edition
status|state
configuration|settings
tag|label
domain|web address
currency|money
exchange rate|worth of one money in another
stock|share
loan|credit
insurance|cover
tax|levy
disease|illness
patient|sick person
drug|medicine
exercise|workout
diet|way of eating
animal|creature
plant|crop
vehicle|car
route|way
distance|how far it is
time zone|local time
population|number of people
school|place to learn
course|class
student|learner
language|tongue
game|match
team|squad
score|result
model|trained system
dataset|collection of examples
"""
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    word: tuple(other for other in group if other != word)
    for group in (tuple(line.split("|")) for line in reversed(_GROUPS.strip().splitlines()))
    for word in group
    if " " not in word
}
"""A word -> what may stand for it. Where a word is in several groups the first one counts."""
