// Package lab is a signed internet in one process: root, TLDs and zones with real signatures, on
// servers that can be made to misbehave. It is the fake network of tests ([World.Exchange] is a
// transport.Exchanger) and the loopback internet of `bailiwick serve --lab`.
//
// A zone and a fault are a line each:
//
//	w := lab.New(now)
//	w.Add(lab.Zone{Name: "example.", Records: "www A 192.0.2.1"})
//	w.Add(lab.Zone{Name: "old.example.", Records: "www A 192.0.2.2",
//		Faults: lab.Faults{lab.Expired}})
//
// An [OffPath] is a world with somebody who forges replies without seeing the questions.
//
// Zones are signed with miekg/dns, so that the resolver's own reading of the RFCs is checked
// against another's.
package lab
