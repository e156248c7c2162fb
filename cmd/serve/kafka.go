package serve

import (
	"math"
	"os"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker"
	"github.com/ringcast/ringcast/broker/security"
	"github.com/ringcast/ringcast/conf"
)

// Kafka is a configuration as the broker wants it, without log and metrics.
func Kafka(cfg *conf.Config) broker.Config {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	k := &cfg.Kafka
	return broker.Config{
		Brokers: k.Brokers, ClientID: k.ClientID, GroupPrefix: k.GroupPrefix, Host: host, Rack: k.Rack, Security: secured(k),
		ReadCommitted: k.Isolation == conf.ReadCommitted, RequireKafka: k.RequireKafka,
		ReplayReads: cfg.Replay.MaxConcurrent, ReplayBytes: max(1, cfg.Replay.Cache),
		FetchBytes: int32(k.FetchBytes), MaxBatch: orNever(k.MaxBatch, math.MaxInt32), StallAfter: orNever(k.StallAfter, never),
	}
}

// secured is [kafka.tls] and [kafka.sasl].
func secured(k *conf.Kafka) (s security.Config) {
	if t := k.TLS; t != nil {
		s.TLS = &security.TLS{CA: t.CA, Cert: t.Cert, Key: t.Key, ServerName: t.ServerName}
	}
	if a := k.SASL; a != nil {
		s.SASL = &security.SASL{Mechanism: sarama.SASLMechanism(a.Mechanism.String()), User: a.Username, Secret: a.Password.Read}
		if a.Mechanism == conf.OAuthBearer {
			s.SASL.User, s.SASL.Secret = a.ClientID, a.ClientSecret.Read
			s.SASL.TokenURL, s.SASL.Scope = a.TokenURL, a.Scope
		}
	}
	return s
}
