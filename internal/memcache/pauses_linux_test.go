package memcache

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// threadTime returns what this thread has computed: what others do on the machine is not in it.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// The longest computing for one value while a cache of a gigabyte is loaded until it evicts, and
// what it takes to flush it: go test -run - -bench Pauses -benchtime 1x.
func BenchmarkPauses(b *testing.B) {
	const octets = 1 << 30
	b.Run("packed", func(b *testing.B) {
		value := string(make([]byte, 160))
		c := newTexts(octets)
		longestPut(b, octets/220, func(k string) { c.Put(k, value) })
		flush(b, func() int { return c.RemoveFunc(func(string) bool { return true }) })
	})
	b.Run("plain", func(b *testing.B) {
		c := New(octets, hashText, func(string, string) int { return 400 })
		longestPut(b, octets/400, func(k string) { c.Put(k, "value") })
		flush(b, func() int { return c.RemoveFunc(func(string, string) bool { return true }) })
	})
}

// longestPut stores so many values, and reports the longest that one has taken, and how many took
// more than a millisecond: a few do for reasons of the machine.
func longestPut(b *testing.B, n int, put func(k string)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	longest, long := time.Duration(0), 0
	for i := range n {
		k := name(i)
		began := threadTime(b)
		put(k)
		took := threadTime(b) - began
		longest = max(longest, took)
		if took > time.Millisecond {
			long++
		}
	}
	b.ReportMetric(float64(long), "puts>1ms")
	b.ReportMetric(float64(longest.Microseconds()), "µs/longest-put")
}

// flush reports what it takes to remove everything.
func flush(b *testing.B, remove func() int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadTime(b)
	n := remove()
	b.ReportMetric(float64((threadTime(b) - began).Milliseconds()), "ms/flush")
	b.ReportMetric(float64(n), "flushed")
}
