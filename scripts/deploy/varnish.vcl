# Varnish in front of two instances of ringcast: /etc/varnish/default.vcl.
#
# ringcast.toml of both: trusted_proxies = ["127.0.0.1/32"], or where Varnish is.
# A stream keeps a thread of Varnish: start it with -p thread_pool_max=… of the
# streams divided by the pools (2). -p pipe_timeout=60 is the default, and well
# above heartbeat (15s).

vcl 4.1;
import directors;

probe ready {
    .request = "HEAD /v2/stream/recentchange HTTP/1.1" "Host: probe" "Connection: close"; # 503 when full
    .interval = 1s;
    .timeout = 1s;
    .window = 2;
    .threshold = 1;
    .initial = 1;
}

backend one {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 2s;
    .probe = ready;
}

backend two {
    .host = "127.0.0.1";
    .port = "8090";
    .connect_timeout = 2s;
    .probe = ready;
}

sub vcl_init {
    new ringcast = directors.round_robin();
    ringcast.add_backend(one);
    ringcast.add_backend(two);
}

sub vcl_recv {
    set req.backend_hint = ringcast.backend();
    if (req.url ~ "^/v2/stream/") {
        return (pipe); # nothing is cached, and nothing may be held back
    }
    return (pass);
}

# X-Forwarded-For has the client's address already: Varnish adds it.
sub vcl_pipe {
    set bereq.http.Connection = "close";
}
