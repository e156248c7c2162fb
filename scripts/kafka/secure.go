package kafka

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/scripts/certs"
)

// Secure adds two listeners to every node: SASLAddr with TLS and every mechanism that needs no Kerberos, and TLSAddr,
// where the client's certificate says who it is (User:CN=NAME). Nobody has a right there that Allow has not given. The
// plain listener stays, for the clients of this package, and may do everything.
type Secure struct {
	CA     []byte            // PEM: the authority of the server's and of the clients' certificates
	Server certs.Pair        // of every node
	Users  map[string]string // passwords of PLAIN and SCRAM, by user

	// OAUTHBEARER takes unsecured tokens (RFC 7515 appendix A.5): {"alg":"none"}, claims sub, iat and exp.
}

// apply writes s into the options of the nodes.
func (s *Secure) apply(o Options) Options {
	module := func(name string, options ...string) string {
		return "org.apache.kafka.common.security." + name + " required " + strings.Join(options, " ") + ";"
	}
	var plain []string
	var format []string
	for _, user := range slices.Sorted(maps.Keys(s.Users)) {
		plain = append(plain, fmt.Sprintf("user_%s=%q", user, s.Users[user]))
		for _, hash := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			format = append(format, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", hash, user, s.Users[user]))
		}
	}
	listeners := "PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{extra},TLS://127.0.0.1:{tls}"
	properties := map[string]string{
		"listeners":                      listeners + ",CONTROLLER://127.0.0.1:{controller}",
		"advertised.listeners":           listeners,
		"listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_SSL,TLS:SSL",

		"ssl.keystore.type":                 "PEM",
		"ssl.keystore.key":                  string(s.Server.Key),
		"ssl.keystore.certificate.chain":    string(s.Server.Cert),
		"ssl.truststore.type":               "PEM",
		"ssl.truststore.certificates":       string(s.CA),
		"listener.name.tls.ssl.client.auth": "required",

		"listener.name.sasl.sasl.enabled.mechanisms":               "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"listener.name.sasl.plain.sasl.jaas.config":                module("plain.PlainLoginModule", plain...),
		"listener.name.sasl.scram-sha-256.sasl.jaas.config":        module("scram.ScramLoginModule"),
		"listener.name.sasl.scram-sha-512.sasl.jaas.config":        module("scram.ScramLoginModule"),
		"listener.name.sasl.oauthbearer.sasl.jaas.config":          module("oauthbearer.OAuthBearerLoginModule", `unsecuredLoginStringClaim_sub="broker"`),
		"listener.name.sasl.oauthbearer.connections.max.reauth.ms": "3600000",

		"authorizer.class.name":          "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                    "User:ANONYMOUS",
		"allow.everyone.if.no.acl.found": "false",
	}
	maps.Copy(properties, o.Properties)
	o.Properties = properties
	o.FormatArgs = append(format, o.FormatArgs...)
	return o
}

// SASLAddr returns the address of a node's listener with TLS and SASL.
func (c *Cluster) SASLAddr(number int) string { return c.ExtraAddr(number) }

// TLSAddr returns the address of a node's listener with client certificates.
func (c *Cluster) TLSAddr(number int) string {
	return fmt.Sprintf("127.0.0.1:%d", c.node(number).ports[number-1].tls)
}

// Right is what a user may do with a topic or with groups.
type Right struct {
	User      string // "edge", or "CN=edge" of a certificate
	Resource  sarama.AclResourceType
	Name      string
	Prefixed  bool // Name is what names begin with
	Operation sarama.AclOperation
}

func (r Right) pattern() sarama.AclResourcePatternType {
	if r.Prefixed {
		return sarama.AclPatternPrefixed
	}
	return sarama.AclPatternLiteral
}

// Allow gives rights.
func (c *Cluster) Allow(rights ...Right) error {
	var acls []*sarama.ResourceAcls
	for _, r := range rights {
		acls = append(acls, &sarama.ResourceAcls{
			Resource: sarama.Resource{ResourceType: r.Resource, ResourceName: r.Name, ResourcePatternType: r.pattern()},
			Acls:     []*sarama.Acl{{Principal: "User:" + r.User, Host: "*", Operation: r.Operation, PermissionType: sarama.AclPermissionAllow}},
		})
	}
	if err := c.admin(func(a sarama.ClusterAdmin) error { return a.CreateACLs(acls) }); err != nil {
		return fmt.Errorf("cannot allow %+v: %w", rights, err)
	}
	return nil
}

// SetPassword changes what SCRAM takes for a user's password. Connections that are there stay.
func (c *Cluster) SetPassword(user, password string) error {
	for _, m := range []sarama.ScramMechanismType{sarama.SCRAM_MECHANISM_SHA_256, sarama.SCRAM_MECHANISM_SHA_512} {
		err := c.admin(func(a sarama.ClusterAdmin) error {
			salt := make([]byte, 16)
			rand.Read(salt)
			results, err := a.UpsertUserScramCredentials([]sarama.AlterUserScramCredentialsUpsert{
				{Name: user, Mechanism: m, Iterations: 4096, Salt: salt, Password: []byte(password)},
			})
			for _, r := range results {
				if err == nil && r.ErrorCode != sarama.ErrNoError {
					err = r.ErrorCode
				}
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("cannot change the %v password of %s: %w", m, user, err)
		}
	}
	return nil
}
