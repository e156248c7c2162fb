package conf

// section is a table of the file, bound to a part of a Config.
type section struct {
	name   string // "" is the file itself
	keys   []key
	tables []section

	// absent marks a table whose mere presence means something and that is not
	// there; attach makes it present.
	absent bool
	attach func()
}

// optional is a table that means something even when it is empty.
func optional[T any](name string, p **T, fresh func() *T, keys func(*T) []key) section {
	t := *p
	if t == nil {
		t = fresh()
	}
	return section{name: name, keys: keys(t), absent: *p == nil, attach: func() { *p = t }}
}

// schema is every table and key of a file but [streams], bound to c.
func schema(c *Config) section {
	return section{tables: []section{
		{name: "server", keys: c.Server.keys(), tables: []section{
			optional("tls", &c.Server.TLS, func() *ServerTLS { return new(ServerTLS) }, (*ServerTLS).keys),
		}},
		optional("auth", &c.Auth, newAuth, (*Auth).keys),
		{name: "kafka", keys: c.Kafka.keys(), tables: []section{
			optional("tls", &c.Kafka.TLS, func() *KafkaTLS { return new(KafkaTLS) }, (*KafkaTLS).keys),
			optional("sasl", &c.Kafka.SASL, func() *KafkaSASL { return new(KafkaSASL) }, (*KafkaSASL).keys),
		}},
		{name: "ring", keys: c.Ring.keys()},
		{name: "views", keys: c.Views.keys()},
		{name: "replay", keys: c.Replay.keys()},
		{name: "admin", keys: []key{{"pprof", enum(&c.Admin.Pprof, pprofNames)}}},
		{name: "log", keys: []key{
			{"level", enum(&c.Log.Level, logLevelNames)},
			{"format", enum(&c.Log.Format, logFormatNames)},
		}},
	}}
}

func (s *Server) keys() []key {
	return []key{
		{"listen", text(&s.Listen, isListen)},
		{"admin_listen", text(&s.AdminListen, isListen)},
		{"base_path", text(&s.BasePath, isBasePath)},
		{"max_connections", count(&s.MaxConnections, 0, maxConnections)},
		{"max_connections_per_ip", count(&s.MaxConnectionsPerIP, 0, maxConnections)},
		{"connect_rate_per_ip", rate(&s.ConnectRatePerIP)},
		{"trusted_proxies", networks(&s.TrustedProxies)},
		{"client_ip_header", text(&s.ClientIPHeader, isToken)},
		{"heartbeat", duration(&s.Heartbeat, 1)},
		{"retry", timer(&s.Retry)},
		{"max_connection_age", timer(&s.MaxConnectionAge)},
		{"slow_client_timeout", duration(&s.SlowClientTimeout, 1)},
		{"min_rate", size(&s.MinRate, 0, maxSize)},
		{"pending_bytes", size(&s.PendingBytes, 0, maxSize)},
		{"limit_response", enum(&s.LimitResponse, limitResponseNames)},
		{"max_request_bytes", size(&s.MaxRequestBytes, kib, 16*mib)},
		{"access_log", toggle(&s.AccessLog)},
		{"linger", timer(&s.Linger)},
		{"send_buffer", size(&s.SendBuffer, 4*kib, 64*mib)},
		{"header_timeout", duration(&s.HeaderTimeout, 1)},
		{"shutdown_delay", timer(&s.ShutdownDelay)},
		{"drain_timeout", timer(&s.DrainTimeout)},
		{"cors_origin", origins(&s.CORSOrigins)},
		{"ui", toggle(&s.UI)},
	}
}

func (t *ServerTLS) keys() []key {
	return []key{
		{"cert", file(&t.Cert)},
		{"key", file(&t.Key)},
		{"client_ca", file(&t.ClientCA)},
	}
}

func (a *Auth) keys() []key {
	keys := []key{
		{"jwks_file", file(&a.JWKSFile)},
		{"key_file", file(&a.KeyFile)},
	}
	keys = append(keys, secretKeys("secret", &a.Secret)...)
	return append(keys, []key{
		{"issuer", text(&a.Issuer, nil)},
		{"audience", text(&a.Audience, nil)},
		{"claim", text(&a.Claim, notEmpty)},
		{"allow_no_expiry", toggle(&a.AllowNoExpiry)},
		{"query_parameter", text(&a.QueryParameter, emptyOr(isParameter))},
		{"cookie", text(&a.Cookie, emptyOr(isToken))},
	}...)
}

func (k *Kafka) keys() []key {
	const maxInt32 = 1<<31 - 1 // Kafka's fetch sizes and sarama's are int32
	return []key{
		{"brokers", list(&k.Brokers, 1, isBroker)},
		{"client_id", text(&k.ClientID, isName)},
		{"group_prefix", text(&k.GroupPrefix, isName)},
		{"rack", text(&k.Rack, nil)},
		{"isolation", enum(&k.Isolation, isolationNames)},
		{"require_kafka", toggle(&k.RequireKafka)},
		{"fetch_bytes", size(&k.FetchBytes, kib, maxInt32)},
		{"max_batch", size(&k.MaxBatch, 0, maxInt32)},
		{"stall_after", timer(&k.StallAfter)},
	}
}

func (t *KafkaTLS) keys() []key {
	return []key{
		{"ca", file(&t.CA)},
		{"cert", file(&t.Cert)},
		{"key", file(&t.Key)},
		{"server_name", text(&t.ServerName, nil)},
	}
}

func (s *KafkaSASL) keys() []key {
	keys := []key{
		{"mechanism", enum(&s.Mechanism, mechanismNames)},
		{"username", maybeText(&s.Username)},
	}
	keys = append(keys, secretKeys("password", &s.Password)...)
	keys = append(keys,
		key{"token_url", tokenURL(&s.TokenURL)},
		key{"client_id", maybeText(&s.ClientID)},
	)
	keys = append(keys, secretKeys("client_secret", &s.ClientSecret)...)
	return append(keys, key{"scope", maybeText(&s.Scope)})
}

// maxEvents bounds the array of a ring: 2 GiB of pointers.
const maxEvents = 1 << 28

func (r *Ring) keys() []key {
	return []key{
		{"events", count(&r.Events, 1, maxEvents)},
		{"bytes", derivedSize(&r.Bytes)},
		{"total_bytes", derivedSize(&r.TotalBytes)},
		{"max_event", size(&r.MaxEvent, 0, maxSize)},
		{"warm_up", timer(&r.WarmUp)},
	}
}

func (v *Views) keys() []key {
	return []key{
		{"max", count(&v.Max, 0, 1<<20)},
		{"bytes", size(&v.Bytes, 0, maxSize)},
	}
}

func (r *Replay) keys() []key {
	return []key{
		{"max_concurrent", count(&r.MaxConcurrent, 0, 1<<16)},
		{"max_clients", count(&r.MaxClients, 0, maxConnections)},
		{"max_per_ip", count(&r.MaxPerIP, 0, maxConnections)},
		{"cache", size(&r.Cache, 0, maxSize)},
		{"rate", size(&r.Rate, 0, maxSize)},
		{"max_age", timer(&r.MaxAge)},
	}
}

// section is the table of one stream.
func (s *Stream) section() section {
	return section{name: s.Name, keys: []key{
		{"topics", list(&s.TopicNames, 1, isTopicName)},
		{"topic_prefixes", list(&s.TopicPrefixes, 1, isTopicPart)},
		{"description", text(&s.Description, nil)},
		{"aliases", list(&s.Aliases, 0, isName)},
		{"format", enum(&s.Format, formatNames)},
		{"annotate", enum(&s.Annotate, annotateNames)},
		{"id", enum(&s.ID, idFormNames)},
		{"access", enum(&s.Access, accessNames)},
		{"events", count(&s.Events, 1, maxEvents)},
		{"bytes", derivedSize(&s.Bytes)},
		{"max_event", size(&s.MaxEvent, 0, maxSize)},
		{"warm_up", timer(&s.WarmUp)},
		{"optional", toggle(&s.Optional)},
		{"example", text(&s.Example, nil)},
		{"schema", file(&s.Schema)},
	}}
}
