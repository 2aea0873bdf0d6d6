// A failure after the fact: what a server has kept of it, beside what is found now.

package explain

// FromMemory reports whether nothing of the report is known but that the question has failed.
func (r *Report) FromMemory() bool {
	if r.Broken == nil {
		return false
	}
	for _, x := range r.Exchanges {
		if x.Verdict != "" || x.Cause != "" {
			return false
		}
	}
	return true
}

// After returns a report of a resolution that was made anew, with what the server's memory has: the
// failure that clients are answered with, and since when.
func (r *Report) After(known *Report) *Report {
	r.Remembered = append(known.Remembered, r.Remembered...)
	r.Packets += known.Packets
	switch {
	case r.Broken == nil:
		r.Notes = append(r.Notes, "it resolves now: clients are answered with the remembered "+
			"failure ("+known.Broken.Cause+") until that ends; flush "+r.Name+" to end it")
	case r.Broken.Cause != known.Broken.Cause:
		r.Notes = append(r.Notes, "it fails for another cause than the remembered one, "+
			known.Broken.Cause)
	default:
		r.Notes = append(r.Notes, "clients are answered with the remembered failure; asked anew, "+
			"it fails for the same cause")
	}
	return r
}
