"""One event in, exactly one manual backup of a GaussDB (openGauss) instance out.

The package in the order in which an event passes through it. Imports go down only. `make check`
enforces this order with import-linter's layers (``pyproject.toml``).

    handler              Lambda's entry: environment read once, function built, event handed on
    function             one invocation: deliveries in, results out; unexpected errors end here
    settings             the environment as checked settings, or the name of the wrong variable
    log_settings         variables of Powertools and Lambda about logs and metrics
    event_sources/       who asks: one class per event source
        dispatch         the list of event sources, and which one an event comes from
        http             API Gateway and function URLs: authentication, routes, responses
        sqs              batches of messages, also from EventBridge Pipes
        sns              notifications
        http_request     one HTTP request in the formats of API Gateway
        direct           Step Functions, `aws lambda invoke`, EventBridge Scheduler with an input
        eventbridge      events on a bus, and the Scheduled Event
        base             what all event sources share
        webhook_keys     the cached signing keys of webhooks
        webhooks         verification of Standard Webhooks signatures
    actions/             what can be asked for
        dispatch         a checked request becomes a reply
        create           exactly one backup per event: the loop
        prune            one run: reports, or deletes, what the retention policy does not keep
        read             status, check, verify: the read-only actions
        create_state     what a create knows, and what it does next
        lookup           reads the list of backups for a name
        matching         what a list shows of a name: whose backup it is
        retention        which backups the policy keeps, and which go
    telemetry            log lines and metrics
    gaussdb/             the service
        deletion         the one DELETE; only prune imports it
        tasks            the task that made a backup
        pagination       whole lists of backups and instances
        api              the API's calls: create and get, authorized and counted
        pages            page size; the pages of a list become its entries
        models           the JSON objects that the API sends
    credentials/         how the function proves who it is
        auth             the credentials of every call: cached, replaced when they are refused
        issuer           the secret becomes an authorization: a key pair, or a token by a log-in
        login            the one log-in phase of an invocation
        iam              one log-in: a password becomes a token, and until when it is used
        models           what a secret must hold, and how it authorizes a request
        secret_store     the secrets extension: a secret's name becomes its value
        signing          SDK-HMAC-SHA256, one pure function per published step
        login_guard      may this version of the secret be used? against lock-out, pure
    request              a delivery becomes a checked request; its name follows from the event
    retention_policy     the deployment's policy: what RETENTION may hold
    payload_validation   text becomes JSON, and JSON the checked fields of an action
    payload_models       what a payload may hold, field by field
    http_client/         requests to other hosts
        retry            when to send a read-only request again
        transport        one HTTP request inside the time that is left; connect and read time-outs
        failures         why no response came, and whether the request was sent
        error_mapping    status, code and body of a response become one of our errors
        certificates     which authorities vouch for a server
        error_codes      what the cloud's error codes mean to a backup
        redaction        messages without keys, tokens and signatures
        response         one whole HTTP response
        pauses           how long to wait: back-off, 429, the share of the time for one call
    replies              the JSON objects that callers get back
    clock                now, sleep, time left: the only source of time
    timestamps           times as events and the API write them
    errors               the names of everything that can go wrong
    lean_imports         what the imported packages leave out at import, for the cold start

A branch that is seldom taken (``actions.dispatch``, ``actions.create``, ``credentials.issuer``)
is imported when it is taken, because a cold start pays for each import. Everything else is imported
at the top, because Lambda gives init a whole processor.
"""

VERSION = "0.2.0"
