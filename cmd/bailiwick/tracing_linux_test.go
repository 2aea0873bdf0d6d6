package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"bailiwick/internal/snapshot"
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
	next := func(collector string) string {
		t.Helper()
		select {
		case name := <-collectors[collector]:
			return name
		case <-time.After(patience):
			t.Fatalf("the %s collector gets no trace", collector)
			return ""
		}
	}
	s := reloadable(t, plain+"tracing: {endpoint: '"+urls["first"]+"/v1/traces'}\n")
	s.expect("www.secure.example.", "NOERROR+ad")
	s.expect("www.expired.faulty.", "SERVFAIL")
	s.expect("www.expired.faulty.", "SERVFAIL") // from memory
	if got := next("first"); got != "www.expired.faulty" {
		t.Errorf("a trace of %q", got)
	}
	s.change(plain + "tracing: {endpoint: '" + urls["second"] + "', failed: no, slow: 0, " +
		"sample: 1}\n")
	s.expect("www.unsigned.example.", "NOERROR")
	if got := next("second"); got != "www.unsigned.example" {
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

// What the keys of traces demand of each other, and what `config check` warns of.
func TestTracingKeysFitTogether(t *testing.T) {
	s := reloadable(t, plain)
	s.close()
	at := filepath.Join(filepath.Dir(s.file), "headers")
	if err := os.WriteFile(at, []byte("Authorization: Bearer x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for keys, want := range map[string]string{
		"endpoint: 'http://127.0.0.1:4318/', headers_file: headers":      "",
		"endpoint: 'https://192.0.2.1:4318/', headers_file: headers":     "",
		"endpoint: 'http://192.0.2.1:4318/', headers_file: headers":      "without TLS",
		"endpoint: 'http://collector.example/', headers_file: headers":   "without TLS",
		"endpoint: 'https://192.0.2.1/', headers_file: none":             "no such file",
		"endpoint: 'https://192.0.2.1/', tls_ca: headers":                "tls_ca",
		"endpoint: 'https://192.0.2.1/', tls_certificate: a":             "need each other",
		"endpoint: 'https://192.0.2.1/', tls_certificate: a, tls_key: b": "no such file",
		"endpoint: 'http://192.0.2.1/', tls_ca: headers":                 "without TLS",
		"headers_file: headers":                                          "tracing.endpoint alone",
		"compression: brotli":                                            "tracing.compression",
		"endpoint: 'http://u:p@[::1]'":                                   "no URL",
	} {
		s.write(plain + "tracing: {" + keys + "}\n")
		cfg, found := readConfig(s.file)
		if found.Err() == nil {
			_, found = snapshot.Load(cfg)
		}
		var text []string
		for _, f := range found {
			if f := f.Error(); strings.Contains(f, "trac") {
				text = append(text, f)
			}
		}
		if got := strings.Join(text, "\n"); (got == "") != (want == "") ||
			!strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", keys, got, want)
		}
	}
}
