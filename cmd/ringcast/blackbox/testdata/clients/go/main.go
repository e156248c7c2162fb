// Command follow follows a stream with one of Go's libraries and prints what it
// reports.
//
// usage: follow LIBRARY URL LAST_EVENT_ID
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	r3labs "github.com/r3labs/sse/v2"
	tmaxmax "github.com/tmaxmax/go-sse"
	"gopkg.in/cenkalti/backoff.v1"
)

// pause is the time between two connections.
const pause = 10 * time.Millisecond

func report(id, data string) {
	line, err := json.Marshal(map[string]string{"id": id, "data": data})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func main() {
	follow := map[string]func(target, id string) error{"r3labs": withR3labs, "go-sse": withGoSSE}[os.Args[1]]
	fmt.Fprintln(os.Stderr, follow(os.Args[2], os.Args[3]))
	os.Exit(1)
}

func withR3labs(target, id string) error {
	client := r3labs.NewClient(target, r3labs.ClientMaxBufferSize(1<<20))
	client.ReconnectStrategy = backoff.NewConstantBackOff(pause)
	client.LastEventID.Store([]byte(id))
	for { // it returns when the server ends the stream in good order
		err := client.SubscribeRaw(func(e *r3labs.Event) {
			if len(e.Data) > 0 {
				report(string(e.ID), string(e.Data))
			}
		})
		if err != nil {
			return err
		}
		time.Sleep(pause)
	}
}

func withGoSSE(target, id string) error {
	// An id in the header would be forgotten by a reconnect before the first block.
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, target+"?lastEventId="+url.QueryEscape(id), nil)
	if err != nil {
		return err
	}
	client := tmaxmax.Client{Backoff: tmaxmax.Backoff{InitialInterval: pause, MaxInterval: 10 * pause}}
	connection := client.NewConnection(req)
	connection.Buffer(nil, 1<<20)
	connection.SubscribeToAll(func(e tmaxmax.Event) {
		if e.Type == "message" {
			report(e.LastEventID, e.Data)
		}
	})
	return connection.Connect()
}
