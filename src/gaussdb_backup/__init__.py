"""One event in, exactly one manual backup of a GaussDB (openGauss) instance asked for.

The modules in the order in which an event passes through them; imports go down only:

    handler       Lambda's entry: environment read once, function built, event handed on
    function      one invocation: deliveries in, outcomes out; the last resort for the unexpected
    settings      environment to checked settings, or the name of the wrong variable
    doors         one module per door: is it mine, its deliveries, the shape of its answer
    callers       who may knock with a signature: the webhook keys of this environment
    webhooks      was this body signed, lately, by one of our keys
    payload       a delivery becomes a checked request; its name follows from the event
    fields        what a payload may hold, field by field
    actions       a checked request becomes a reply, and what the log says of it
    create        exactly one backup per event: asks, and finds out when the answer is lost
    decision      what a create does next: a pure function, a row per case
    look          what the list shows of a name
    watch         status, check, verify: what only reads
    lists         the API's lists, read whole
    gaussdb       the API's calls: our words to HTTP and back
    documents     the documents that the API answers with
    access        either kind of credentials as a requests auth, renewed once
    credentials   what a secret must hold, and how it authorises a request
    iam           a user and a password become a token
    signing       SDK-HMAC-SHA256 as pure functions, one per published step
    secret_store  the extension: a secret's name becomes its value
    patience      when to ask again
    transport     one HTTP request inside the time that is left
    answers       status, code and body to the documented reply or to one of our errors
    telemetry     the INFO line, the ERROR line, the metrics
    replies       the shapes of what callers get back
    clock, times  now, sleep, time left: the one seam for time; times as events write them
    errors        the names of everything that can go wrong

Where the way forks (``doors.entrance``, ``actions``, ``create``, ``access``), a branch that is
seldom taken is imported when it is: a cold start pays for what it uses. Everything else is imported
at the top, while Lambda lends a whole processor.
"""

VERSION = "0.1.0"
