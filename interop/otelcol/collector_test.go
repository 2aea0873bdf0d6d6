// Package otelcol holds the traces of the server against a real OpenTelemetry Collector, which is
// built of its own modules. It is a module of its own, so that these are no dependencies of the
// program.
package otelcol

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// sink is an exporter of a Collector: what it has received and understood.
type sink struct {
	component.StartFunc
	component.ShutdownFunc
	got chan ptrace.Traces
}

// Capabilities implements consumer.Traces.
func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeTraces implements consumer.Traces.
func (s *sink) ConsumeTraces(_ context.Context, t ptrace.Traces) error {
	s.got <- t
	return nil
}

// factory returns the way of a Collector to the sink.
func (s *sink) factory() exporter.Factory {
	return exporter.NewFactory(component.MustNewType("sink"),
		func() component.Config { return &struct{}{} },
		exporter.WithTraces(func(context.Context, exporter.Settings, component.Config) (
			exporter.Traces, error) {
			return s, nil
		}, component.StabilityLevelStable))
}

// freePort returns a port of loopback that nobody listens at.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// write makes a file.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// collect runs a Collector that receives OTLP over HTTP at a port, until the test ends.
func collect(t *testing.T, s *sink, port int) {
	t.Helper()
	path := write(t, "collector.yaml", fmt.Sprintf(`receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:%d"}}}
exporters: {sink: {}}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines: {traces: {receivers: [otlp], exporters: [sink]}}
`, port))
	c, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo: component.NewDefaultBuildInfo(), DisableGracefulShutdown: true,
		Factories: func() (f otelcol.Factories, err error) {
			f.Telemetry = otelconftelemetry.NewFactory()
			if f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](
				otlpreceiver.NewFactory()); err != nil {
				return f, err
			}
			f.Exporters, err = otelcol.MakeFactoryMap(s.factory())
			return f, err
		},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{
			ResolverSettings: confmap.ResolverSettings{URIs: []string{"file:" + path},
				ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(context.Background()) }()
	t.Cleanup(func() {
		c.Shutdown()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for range 200 {
		if c.GetState() == otelcol.StateRunning {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the Collector does not run")
}

// serve runs the server in front of its lab with more configuration, until the test ends.
func serve(t *testing.T, more string) (address string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bailiwick")
	build := exec.Command("go", "build", "-o", program, "./cmd/bailiwick")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	address = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	cmd := exec.Command(program, "serve", "--lab", "--config", write(t, "bailiwick.yaml",
		fmt.Sprintf("listen: {udp: [%q], tcp: [%[1]q], dot: [\"127.0.0.1:%d\"]}\n"+
			"admin: {listen: \"\"}\ncontrol: {socket: \"\"}\n%s", address, freePort(t), more)))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return address
}

// ask sends a question for addresses, until a response with an RCODE comes.
func ask(t *testing.T, at, name string, rcode byte) {
	t.Helper()
	q := []byte{0x42, 0x57, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for _, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
		q = append(append(q, byte(len(label))), label...)
	}
	q = append(q, 0, 0, 1, 0, 1)
	reply := make([]byte, 4096)
	for range 100 {
		conn, err := net.Dial("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = conn.Write(q)
		n := 0
		if err == nil {
			n, err = conn.Read(reply)
		}
		_ = conn.Close()
		if err == nil && n > 12 {
			if got := reply[3] & 15; got != rcode {
				t.Fatalf("%s: RCODE %d, want %d", name, got, rcode)
			}
			return
		}
		time.Sleep(100 * time.Millisecond) // it does not listen yet
	}
	t.Fatalf("%s is not answered", name)
}

// spans waits for the trace of a name, and returns its spans.
func (s *sink) spans(t *testing.T, name string) (service string, all []ptrace.Span) {
	t.Helper()
	end := time.After(30 * time.Second)
	for {
		select {
		case got := <-s.got:
			for _, r := range got.ResourceSpans().All() {
				for _, scope := range r.ScopeSpans().All() {
					byTrace := map[string][]ptrace.Span{}
					for _, span := range scope.Spans().All() {
						id := span.TraceID().String()
						byTrace[id] = append(byTrace[id], span)
					}
					for _, trace := range byTrace {
						root := rootOf(trace)
						if v, ok := root.Attributes().Get("dns.question.name"); ok &&
							v.Str() == strings.TrimSuffix(name, ".") {
							v, _ := r.Resource().Attributes().Get("service.name")
							return v.Str(), trace
						}
					}
				}
			}
		case <-end:
			t.Fatalf("no trace of %s", name)
		}
	}
}

// rootOf returns the span of a trace that has no parent; the first one if all have.
func rootOf(trace []ptrace.Span) ptrace.Span {
	for _, s := range trace {
		if s.ParentSpanID().IsEmpty() {
			return s
		}
	}
	return trace[0]
}

// A real Collector takes the traces of the server, plain and compressed: each has one root, every
// other span a parent in the same trace and within its time, the failure its status and cause, and
// the queries to servers are of kind client.
func TestCollectorTakesTraces(t *testing.T) {
	for _, compression := range []string{"none", "gzip"} {
		t.Run(compression, func(t *testing.T) {
			s, port := &sink{got: make(chan ptrace.Traces, 64)}, freePort(t)
			collect(t, s, port)
			at := serve(t, fmt.Sprintf("tracing: {endpoint: \"http://127.0.0.1:%d/v1/traces\", "+
				"sample: 1, compression: %s}\n", port, compression))
			const broken, good = "www.expired.faulty.", "www.secure.example."
			ask(t, at, broken, 2)
			service, trace := s.spans(t, broken)
			if service != "bailiwick" {
				t.Errorf("service.name is %q", service)
			}
			root := rootOf(trace)
			check(t, trace)
			cause, _ := root.Attributes().Get("error.type")
			if root.Status().Code() != ptrace.StatusCodeError || root.Name() != "resolve A" ||
				root.Kind() != ptrace.SpanKindServer || cause.AsString() != "signature_expired" {
				t.Errorf("the root is %s, %s, %s: %s", root.Name(), root.Kind(),
					root.Status().Code(), cause.AsString())
			}
			ask(t, at, good, 0)
			_, trace = s.spans(t, good)
			check(t, trace)
			if code := rootOf(trace).Status().Code(); code == ptrace.StatusCodeError {
				t.Errorf("%s has the status %s", good, code)
			}
		})
	}
}

// check compares the spans of a trace with each other.
func check(t *testing.T, trace []ptrace.Span) {
	t.Helper()
	byID, kinds, roots := map[string]ptrace.Span{}, map[ptrace.SpanKind]int{}, 0
	for _, s := range trace {
		byID[s.SpanID().String()] = s
		kinds[s.Kind()]++
	}
	if len(byID) != len(trace) {
		t.Errorf("%d spans have %d identifiers", len(trace), len(byID))
	}
	for _, s := range trace {
		if s.ParentSpanID().IsEmpty() {
			roots++
			continue
		}
		parent, ok := byID[s.ParentSpanID().String()]
		if !ok {
			t.Errorf("%s has no parent", s.Name())
			continue
		}
		if s.StartTimestamp() < parent.StartTimestamp() || s.EndTimestamp() < s.StartTimestamp() {
			t.Errorf("%s begins at %s and ends at %s; %s begins at %s", s.Name(),
				s.StartTimestamp(), s.EndTimestamp(), parent.Name(), parent.StartTimestamp())
		}
	}
	if roots != 1 || kinds[ptrace.SpanKindClient] == 0 || kinds[ptrace.SpanKindInternal] == 0 {
		t.Errorf("%d roots; kinds %v", roots, kinds)
	}
}
