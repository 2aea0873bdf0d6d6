package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/xdp"
	"bailiwick/transport"
)

// xdpPorts collects the metrics of interfaces that are served by AF_XDP.
type xdpPorts struct{ states func() []transport.XDPState }

var (
	xdpUp = prometheus.NewDesc("bailiwick_xdp_up", "1 where an interface of listen.xdp is "+
		"served by AF_XDP, 0 where it is served by sockets.", []string{"interface"}, nil)
	xdpFrames = prometheus.NewDesc("bailiwick_xdp_frames_total", "Frames of an interface of "+
		"listen.xdp: received and sent by AF_XDP, and passed to the kernel's network stack.",
		[]string{"interface", "way"}, nil)
	xdpDropped = prometheus.NewDesc("bailiwick_xdp_dropped_total", "Frames of an interface of "+
		"listen.xdp that were dropped, received ones and answers, by reason; docs/xdp.md has "+
		"what each means.", []string{"interface", "reason"}, nil)
)

// WatchXDP registers the metrics of interfaces that are served by AF_XDP.
func (m *Metrics) WatchXDP(states func() []transport.XDPState) {
	m.Registry.MustRegister(&guarded{m, &xdpPorts{states}})
}

// Describe implements prometheus.Collector.
func (x *xdpPorts) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, xdpUp, xdpFrames, xdpDropped)
}

// Collect implements prometheus.Collector.
func (x *xdpPorts) Collect(ch chan<- prometheus.Metric) {
	for _, s := range x.states() {
		if s.Err != nil {
			ch <- prometheus.MustNewConstMetric(xdpUp, prometheus.GaugeValue, 0, s.Interface)
			continue
		}
		ch <- prometheus.MustNewConstMetric(xdpUp, prometheus.GaugeValue, 1, s.Interface)
		count := func(d *prometheus.Desc, n uint64, label string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), s.Interface,
				label)
		}
		count(xdpFrames, s.Received, "received")
		count(xdpFrames, s.Sent, "sent")
		count(xdpFrames, s.Passed, "passed")
		for _, v := range xdp.Reasons() {
			count(xdpDropped, s.Dropped[v], v.String())
		}
		count(xdpDropped, s.NoFill, "no_fill")
		count(xdpDropped, s.Full, "received_full")
	}
}
