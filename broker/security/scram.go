package security

import (
	"errors"

	"github.com/xdg-go/scram"
)

// scramClient is one SCRAM exchange (RFC 5802) as sarama wants it.
type scramClient struct {
	sasl *SASL
	conv *scram.ClientConversation
}

// Begin implements sarama.SCRAMClient. The password is the one of this moment, not the one of the configuration.
func (c *scramClient) Begin(user, _, authzID string) error {
	password, err := c.sasl.password()
	if err != nil {
		return err
	}
	hash := scram.SHA256
	if c.sasl.Mechanism == ScramSHA512 {
		hash = scram.SHA512
	}
	client, err := hash.NewClient(user, password, authzID)
	if err != nil {
		return &Error{Kind: ErrAuthentication, Err: errors.New("user name or password hold characters that SCRAM does not allow")}
	}
	c.conv = client.NewConversation()
	return nil
}

// Step implements sarama.SCRAMClient.
func (c *scramClient) Step(challenge string) (string, error) {
	answer, err := c.conv.Step(challenge)
	if err != nil {
		return "", &Error{Kind: ErrAuthentication, Err: err}
	}
	return answer, nil
}

// Done implements sarama.SCRAMClient.
func (c *scramClient) Done() bool { return c.conv.Done() }
