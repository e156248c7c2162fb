package raw

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// MayJoin asks whether we may be a member of a group: the error is sarama.ErrGroupAuthorizationFailed if not, and
// another one if nobody answered. The question is a heartbeat of a member that there is not. It needs READ on the group,
// no more and no less than being a member, every broker checks that before all else, and nothing comes of it. The group
// consumer is no way to ask: it looks for the coordinator for 15 s before it says so (measured).
func (c *Client) MayJoin(ctx context.Context, group string) error {
	var errs []error
	for _, addr := range c.candidates() {
		resp, err := c.heartbeatAt(ctx, addr, group)
		switch {
		case err == nil && resp.Err == sarama.ErrGroupAuthorizationFailed:
			return fmt.Errorf("cannot be a member of group %s: %w", group, resp.Err)
		case err == nil:
			return nil
		case ctx.Err() != nil, errors.Is(err, ErrClosed):
			return err
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("%w about group %s: %w", errNoAnswer, group, errors.Join(errs...))
}

func (c *Client) heartbeatAt(ctx context.Context, addr, group string) (*sarama.HeartbeatResponse, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.readTimeout, fmt.Errorf("%w within %v", errNoAnswer, c.readTimeout))
	defer cancel()
	return ask(ctx, c, addr, func(b *sarama.Broker) (*sarama.HeartbeatResponse, error) {
		return b.Heartbeat(&sarama.HeartbeatRequest{Version: 1, GroupId: group, GenerationId: -1, MemberId: "nobody"})
	})
}
