"""One event in, exactly one manual backup of a GaussDB (openGauss) instance asked for.

The modules in the order in which an event passes through them; imports go down only:

    handler       Lambda's entry: environment read once, function built, event handed on
    function      one invocation: deliveries in, outcomes out; the last resort for the unexpected
    doors         one module per door: is it mine, its deliveries, the shape of its answer
    webhooks      was this body signed, lately, by one of our keys
    payload       a delivery becomes a checked request; its name follows from the event
    create        exactly one backup per event: asks, and finds out when the answer is lost
    watch         status, check, verify: what only reads
    gaussdb       the API's calls: our words to HTTP and back
    access        either kind of credentials as a requests auth, renewed once
    iam           a user and a password become a token
    secret_store  the extension: a secret's name becomes its value
    transport     one HTTP request inside the time that is left
    answers       status, code and body to the documented reply or to one of our errors
    signing       SDK-HMAC-SHA256 as pure functions, one per published step
    settings      environment to checked settings, or the name of the wrong variable
    telemetry     the INFO line, the ERROR line, the metrics
    replies       the shapes of what callers get back
    clock         now, sleep, time left: the one seam for time
    errors        the names of everything that can go wrong
"""

VERSION = "0.1.0"
