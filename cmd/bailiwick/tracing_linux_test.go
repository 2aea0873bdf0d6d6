package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A server sends traces of what fails to the receiver of its configuration, and after a reload to
// another one; answers from memory are no resolutions, and have none.
func TestTracesOfAServer(t *testing.T) {
	collectors := map[string]chan string{}
	urls := map[string]string{}
	for _, name := range []string{"first", "second"} {
		got := make(chan string, 8)
		c := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
			body, _ := io.ReadAll(q.Body)
			var d trace.TracesData
			if err := proto.Unmarshal(body, &d); err != nil {
				t.Error(err)
			}
			for _, s := range d.ResourceSpans[0].ScopeSpans[0].Spans {
				if len(s.ParentSpanId) == 0 {
					got <- s.Attributes[0].Value.GetStringValue()
				}
			}
		}))
		defer c.Close()
		collectors[name], urls[name] = got, c.URL
	}
	s := reloadable(t, plain+"tracing: {endpoint: '"+urls["first"]+"/v1/traces'}\n")
	s.expect("www.secure.example.", "NOERROR+ad")
	s.expect("www.expired.faulty.", "SERVFAIL")
	s.expect("www.expired.faulty.", "SERVFAIL") // from memory
	if got := <-collectors["first"]; got != "www.expired.faulty" {
		t.Errorf("a trace of %q", got)
	}
	s.change(plain + "tracing: {endpoint: '" + urls["second"] + "', failed: no, slow: 0, " +
		"sample: 1}\n")
	s.expect("www.unsigned.example.", "NOERROR")
	if got := <-collectors["second"]; got != "www.unsigned.example" {
		t.Errorf("a trace of %q", got)
	}
	s.change(plain)
	if s.recorder.Begin(); s.tracer != nil {
		t.Error("there is a tracer still")
	}
	s.close()
	if len(collectors["first"]) > 0 || len(collectors["second"]) > 0 {
		t.Error("more traces than resolutions")
	}
	s.write(plain + "tracing: {endpoint: 'collector:4318'}\n")
	if _, found := readConfig(s.file); !strings.Contains(found.Err().Error(), "no URL") {
		t.Error(found)
	}
}
