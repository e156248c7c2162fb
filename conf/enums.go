package conf

import "fmt"

// Format says what the values of a stream's records are.
type Format uint8

// The formats of a stream; the zero value is the default.
const (
	FormatJSON Format = iota
	FormatText
	FormatBase64
)

var formatNames = []string{"json", "text", "base64"}

// Annotate says what is added to each event.
type Annotate uint8

// The annotations of a stream; the zero value is the default.
const (
	AnnotateNone  Annotate = iota
	AnnotateMeta           // meta.topic, meta.partition, meta.offset, meta.key
	AnnotateKafka          // _kafka, as KafkaSSE has it
)

var annotateNames = []string{"none", "meta", "_kafka"}

// IDForm is the form of a stream's event ids.
type IDForm uint8

// The id forms; the zero value is the default.
const (
	IDBoth IDForm = iota
	IDOffset
	IDTimestamp
	IDCompact
)

var idFormNames = []string{"both", "offset", "timestamp", "compact"}

// Access says who may read a stream.
type Access uint8

// The kinds of access; the zero value is the default.
const (
	AccessPublic Access = iota
	AccessToken
)

var accessNames = []string{"public", "token"}

// Isolation is Kafka's isolation level of a consumer (KIP-98).
type Isolation uint8

// The isolation levels; the zero value is the default.
const (
	ReadCommitted Isolation = iota
	ReadUncommitted
)

var isolationNames = []string{"read_committed", "read_uncommitted"}

// LimitResponse says how a refused client is answered.
type LimitResponse uint8

// The answers to a refused client; the zero value is the default.
const (
	LimitStatus LimitResponse = iota // 429 or 503
	LimitStream                      // 200 with a retry line and an end
)

var limitResponseNames = []string{"status", "stream"}

// Mechanism is a SASL mechanism.
type Mechanism uint8

// The SASL mechanisms. The zero value is no mechanism: the key has no default.
const (
	MechanismNone Mechanism = iota
	Plain
	ScramSHA256
	ScramSHA512
	OAuthBearer
)

var mechanismNames = []string{"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}

// Pprof says from where /debug/pprof may be used.
type Pprof uint8

// Who may use /debug/pprof; the zero value is the default.
const (
	PprofLoopback Pprof = iota
	PprofAny
	PprofNone
)

var pprofNames = []string{"loopback", "any", "none"}

// LogLevel is the least level that is logged.
type LogLevel uint8

// The log levels; the zero value is the default.
const (
	LogInfo LogLevel = iota
	LogDebug
	LogWarn
	LogError
)

var logLevelNames = []string{"info", "debug", "warn", "error"}

// LogFormat is the form of a log line.
type LogFormat uint8

// The log formats; the zero value is the default.
const (
	LogJSON LogFormat = iota
	LogConsole
)

var logFormatNames = []string{"json", "console"}

// String is the name the file uses.
func (f Format) String() string        { return enumName(f, formatNames) }
func (a Annotate) String() string      { return enumName(a, annotateNames) }
func (f IDForm) String() string        { return enumName(f, idFormNames) }
func (a Access) String() string        { return enumName(a, accessNames) }
func (i Isolation) String() string     { return enumName(i, isolationNames) }
func (l LimitResponse) String() string { return enumName(l, limitResponseNames) }
func (m Mechanism) String() string     { return enumName(m, mechanismNames) }
func (p Pprof) String() string         { return enumName(p, pprofNames) }
func (l LogLevel) String() string      { return enumName(l, logLevelNames) }
func (f LogFormat) String() string     { return enumName(f, logFormatNames) }

func enumName[E ~uint8](e E, names []string) string {
	if int(e) >= len(names) {
		return fmt.Sprintf("%T(%d)", e, uint8(e))
	}
	return names[e]
}
