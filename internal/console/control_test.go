package console

import (
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An operation that takes long is waited for, and answered: elsewhere a reload that took longer
// than the command waits was reported as failed and went on (NLnetLabs/unbound 636 tells of 90
// seconds, PowerDNS/pdns 274 of a time-out that hid why). A silent server is not waited for.
func TestControlWaitsForWhatTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk, _ := deskOf(Operation{Name: "reload", Run: func(Request) (Result, error) {
			time.Sleep(20 * controlTimeout)
			return Result{Fields: map[string]any{"config": "in use"}}, nil
		}})
		here, there := net.Pipe()
		c := newControl(nil, "", desk, nil)
		go c.serve(there)
		r, err := exchange(here, Request{Command: "reload"}, io.Discard)
		if err != nil || r.Fields["config"] != "in use" {
			t.Errorf("%v, %v", r, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		go func() {
			_, _ = io.ReadFull(there, make([]byte, 1))
			_, _ = io.Copy(io.Discard, there)
		}()
		begun := time.Now()
		_, err := exchange(here, Request{Command: "reload"}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "no reply") ||
			time.Since(begun) != controlTimeout {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		_ = here.Close()
	})
}

// deadlined is a reply that knows until when it may be sent.
type deadlined struct {
	*httptest.ResponseRecorder
	until time.Time
}

// SetWriteDeadline is what http.ResponseController looks for.
func (d *deadlined) SetWriteDeadline(until time.Time) error { d.until = until; return nil }

// The reply of the API has its time from when the operation has ended, or none would come of one
// that takes longer (http.Server.WriteTimeout).
func TestAPIRepliesToWhatTakesLong(t *testing.T) {
	o := newOffice(t)
	q := httptest.NewRequest("GET", "http://127.0.0.1/api/v1/status", nil)
	q.Header.Set("Authorization", "Bearer "+reader)
	d := &deadlined{ResponseRecorder: httptest.NewRecorder()}
	begun := time.Now()
	o.console.http.Handler.ServeHTTP(d, q)
	if d.Code != 200 || d.until.Before(begun.Add(controlTimeout)) {
		t.Errorf("%d %s; it may be sent until %v", d.Code, d.Body, d.until)
	}
}
