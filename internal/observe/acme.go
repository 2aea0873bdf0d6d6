// The metrics of the certificate that an authority issues.

package observe

import "bailiwick/internal/acme"

// WatchACME has the metrics tell how it is with the certificate that an authority issues.
func (m *Metrics) WatchACME(a *acme.Manager) {
	orders := newCounters(m.Registry, "acme_orders_total", "Orders of a certificate from the "+
		"authority of tls.acme, by outcome; docs/acme.md has what each means.", "outcome")
	for _, o := range acme.Outcomes() {
		orders.read(func() uint64 { return a.Count(o) }, o.Label())
	}
	gauge := func(name, help string, read func() float64) {
		readGauge(m.Registry, name, help, nil, read)
	}
	gauge("acme_failures", "Orders of a certificate that failed, since the last that succeeded.",
		func() float64 { return float64(a.Status().Failures) })
	gauge("acme_issued_timestamp_seconds", "Unix time at which the authority of tls.acme has last "+
		"issued a certificate, 0 if it never has.", func() float64 { return seconds(a.Success()) })
	gauge("acme_next_order_timestamp_seconds", "Unix time at which the next certificate is "+
		"ordered, 0 if none is, or at once.", func() float64 { return seconds(a.Status().Next) })
}
