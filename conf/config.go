package conf

import (
	"net/netip"
	"time"
)

// Config is a whole, validated configuration. Nothing changes it after Parse.
// Sizes are bytes; a limit or timer that is 0 is off.
type Config struct {
	Server Server
	Auth   *Auth // nil: every stream is public
	Kafka  Kafka
	Ring   Ring
	Views  Views
	Replay Replay
	Admin  Admin
	Log    Log

	// Streams are in the order of the file, with everything resolved.
	Streams []Stream

	// Warnings are worth a log line each: defaults that were lowered to fit the
	// machine, and what is allowed but unwise.
	Warnings []string

	// Memory is the number of bytes this process may use (cgroup or machine),
	// 0 where that is unknown.
	Memory int64
}

// Server is the [server] table: the public and the admin listener and the
// limits of a connection.
type Server struct {
	Listen      string // host:port of the public listener
	AdminListen string // host:port of the admin listener
	BasePath    string // starts with a slash, ends without one

	MaxConnections      int     // streams at a time, never 0
	MaxConnectionsPerIP int     // 0: no limit
	ConnectRatePerIP    float64 // new connections per second, 0: no limit
	TrustedProxies      []netip.Prefix
	ClientIPHeader      string

	Heartbeat         time.Duration // never 0
	Retry             time.Duration // 0: no retry line is sent
	MaxConnectionAge  time.Duration
	SlowClientTimeout time.Duration // never 0
	MinRate           int64         // bytes per second
	PendingBytes      int64
	LimitResponse     LimitResponse
	MaxRequestBytes   int64 // never 0
	AccessLog         bool
	Linger            time.Duration
	SendBuffer        int64         // never 0
	HeaderTimeout     time.Duration // never 0
	ShutdownDelay     time.Duration
	DrainTimeout      time.Duration

	// CORSOrigins is empty (send no header), {"*"}, or a list of origins.
	CORSOrigins []string
	UI          bool

	TLS *ServerTLS // nil: plain HTTP
}

// ServerTLS is the [server.tls] table; the fields are paths of PEM files.
type ServerTLS struct {
	Cert     string
	Key      string
	ClientCA string // "": no mutual TLS
}

// Auth is the [auth] table. Exactly one of JWKSFile, KeyFile and Secret is set.
type Auth struct {
	JWKSFile       string // path
	KeyFile        string // path of a PEM public key
	Secret         Secret // HMAC key
	Issuer         string // "": any
	Audience       string // "": any
	Claim          string
	AllowNoExpiry  bool
	QueryParameter string // "": no tokens in the URL
	Cookie         string // "": no tokens in cookies
}

// Kafka is the [kafka] table.
type Kafka struct {
	Brokers      []string // host:port each, at least one
	ClientID     string
	GroupPrefix  string
	Rack         string
	Isolation    Isolation
	RequireKafka bool
	FetchBytes   int64         // of one fetch, below 2^31, never 0
	MaxBatch     int64         // of one record batch after decompression, below 2^31
	StallAfter   time.Duration // 0: never stalled

	TLS  *KafkaTLS  // nil: no TLS
	SASL *KafkaSASL // nil: no authentication
}

// KafkaTLS is the [kafka.tls] table; an empty one means TLS with the system's
// certificate authorities.
type KafkaTLS struct {
	CA         string // path, "": the system's
	Cert       string // path, "": no client certificate
	Key        string // path
	ServerName string // "": the broker's host name
}

// KafkaSASL is the [kafka.sasl] table.
type KafkaSASL struct {
	Mechanism    Mechanism
	Username     string // PLAIN and SCRAM
	Password     Secret // PLAIN and SCRAM
	TokenURL     string // OAUTHBEARER
	ClientID     string // OAUTHBEARER
	ClientSecret Secret // OAUTHBEARER
	Scope        string // OAUTHBEARER, optional
}

// Ring is the [ring] table: what holds for every stream that says nothing else.
// Readers of the configuration want the resolved fields of [Stream].
type Ring struct {
	Events     int
	Bytes      int64 // 0: TotalBytes is divided
	TotalBytes int64 // of all rings together, resolved
	MaxEvent   int64 // 0: as large as the ring
	WarmUp     time.Duration
}

// Views is the [views] table.
type Views struct {
	Max   int
	Bytes int64
}

// Replay is the [replay] table.
type Replay struct {
	MaxConcurrent int
	MaxClients    int
	MaxPerIP      int   // 0: as Server.MaxConnectionsPerIP
	Cache         int64 // 0: no cache
	Rate          int64 // bytes per second and client
	MaxAge        time.Duration
}

// Admin is the [admin] table.
type Admin struct {
	Pprof Pprof
}

// Log is the [log] table.
type Log struct {
	Level  LogLevel
	Format LogFormat
}

// Stream is one [streams.NAME] table with all defaults filled in.
type Stream struct {
	Name    string
	Aliases []string

	// Topics are the Kafka topics to read: every name in TopicNames once with
	// every prefix in TopicPrefixes.
	Topics        []string
	TopicNames    []string // as written
	TopicPrefixes []string // as written, default {""}

	Description string
	Format      Format
	Annotate    Annotate
	ID          IDForm
	Access      Access
	Optional    bool   // readiness does not wait for it
	Example     string // "": none; JSON where Format is FormatJSON
	Schema      string // path of a JSON Schema, "": none
	SchemaJSON  []byte // what that file holds: a JSON object or a boolean

	Events   int           // events the ring holds, never 0
	Bytes    int64         // bytes the ring holds, never 0
	MaxEvent int64         // largest event, never 0, at most Bytes
	WarmUp   time.Duration // 0: start empty
}

// Default returns a configuration as an empty file means it, before the
// machine's limits and the number of streams are known.
func Default() *Config {
	return &Config{
		Server: Server{
			Listen:            ":8080",
			AdminListen:       "127.0.0.1:8081",
			BasePath:          "/v2/stream",
			MaxConnections:    15000,
			ClientIPHeader:    "X-Forwarded-For",
			Heartbeat:         15 * time.Second,
			Retry:             3 * time.Second,
			SlowClientTimeout: time.Minute,
			MinRate:           4 * kib,
			PendingBytes:      64 * mib,
			MaxRequestBytes:   16 * kib,
			SendBuffer:        64 * kib,
			HeaderTimeout:     10 * time.Second,
			DrainTimeout:      30 * time.Second,
			CORSOrigins:       []string{"*"},
			UI:                true,
		},
		Kafka: Kafka{
			Brokers:     []string{"localhost:9092"},
			ClientID:    "ringcast",
			GroupPrefix: "ringcast",
			FetchBytes:  mib,
			MaxBatch:    64 * mib,
			StallAfter:  15 * time.Second,
		},
		Ring: Ring{Events: 65536, MaxEvent: 4 * mib, WarmUp: 15 * time.Minute},
		Views: Views{
			Max:   64,
			Bytes: 64 * mib,
		},
		Replay: Replay{MaxConcurrent: 16, MaxClients: 1024, Cache: 128 * mib},
	}
}

// newAuth is an [auth] table that says nothing.
func newAuth() *Auth { return &Auth{Claim: "streams"} }

// newStream is a [streams.NAME] table that says nothing; the ring's fields come
// from [ring].
func newStream(name string) Stream {
	return Stream{Name: name, TopicPrefixes: []string{""}}
}
