package frame

import (
	"testing"
	"time"
)

func TestGreeting(t *testing.T) {
	f := func(retry time.Duration, id, want string) {
		t.Helper()
		if got := string(Greeting([]byte("x"), retry, []byte(id))); got != "x"+want {
			t.Errorf("got %q, want x%q", got, want)
		}
		var c client
		c.read(want)
		if c.lastID != id || c.retry != int(retry.Milliseconds()) || c.messages != nil {
			t.Errorf("a client reads %+v", c)
		}
	}
	f(0, "", ":ok\n\n")
	f(2500*time.Millisecond, "", "retry: 2500\n:ok\n\n")
	f(0, "[]", "id: []\n:ok\n\n")
	f(time.Second, smallID, "retry: 1000\nid: "+smallID+"\n:ok\n\n")
	f(time.Microsecond, "", ":ok\n\n")
}

func TestClosing(t *testing.T) {
	f := func(retry time.Duration, end End, want string) {
		t.Helper()
		if got := string(Closing([]byte("x"), retry, end)); got != "x"+want {
			t.Errorf("got %q, want x%q", got, want)
		}
	}
	f(0, Drain, ": drain\n")
	f(0, Age, ": age\n")
	f(0, Token, ": token\n")
	f(0, Removed, ": removed\n")
	f(7*time.Second, Slow, "retry: 7000\n: slow\n")
}

func TestLimit(t *testing.T) {
	if got := string(Limit(nil, 5*time.Second, "overloaded\r\n\nx")); got != "retry: 5000\n: limit overloaded???x\n\n" {
		t.Errorf("got %q", got)
	}
}

func TestError(t *testing.T) {
	if got := string(Error([]byte("x"), []byte(`{"status":503}`))); got != "xevent: error\ndata: {\"status\":503}\n\n" {
		t.Errorf("got %q", got)
	}
	var c client
	c.read(string(Error(nil, []byte("{\n\"status\":503}"))))
	if len(c.messages) != 1 || c.messages[0] != (message{event: "error", data: "{\n\"status\":503}"}) {
		t.Errorf("got %+v", c.messages)
	}
}
