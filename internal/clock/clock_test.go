package clock

import (
	"testing"
	"time"
)

// machine is a machine whose clocks the test moves.
type machine struct {
	wall, mono, uptime time.Duration
	looked             int // how often the uptime was read
}

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (m *machine) clock() *steady {
	return newSteady(m.clocks, func() (time.Duration, bool) { m.looked++; return m.uptime, true })
}

func (m *machine) clocks() (time.Time, time.Duration) { return day.Add(m.wall), m.mono }

func (m *machine) run(d time.Duration) {
	m.wall, m.mono, m.uptime = m.wall+d, m.mono+d, m.uptime+d
}
func (m *machine) sleep(d time.Duration) { m.wall, m.uptime = m.wall+d, m.uptime+d }
func (m *machine) set(d time.Duration)   { m.wall += d }

func TestAgesDoNotFollowATimeOfDayThatIsSet(t *testing.T) {
	for _, by := range []time.Duration{-24 * time.Hour, -time.Second, -20 * time.Millisecond,
		20 * time.Millisecond, time.Hour, 20 * 365 * 24 * time.Hour} {
		m := &machine{uptime: 100 * time.Hour}
		c := m.clock()
		m.run(time.Minute)
		before := c.Now()
		m.set(by)
		m.run(time.Second)
		if got := c.Now().Sub(before); got != time.Second {
			t.Errorf("set by %v: a second took %v", by, got)
		}
		if c.Ahead() != by {
			t.Errorf("set by %v: the time of day is ahead by %v", by, c.Ahead())
		}
		if got, want := Wall(c), day.Add(time.Minute+time.Second+by); !got.Equal(want) {
			t.Errorf("set by %v: the time of day is %v, want %v", by, got, want)
		}
	}
}

func TestAgesCountASuspend(t *testing.T) {
	m := &machine{uptime: time.Hour}
	c := m.clock()
	m.run(time.Minute)
	before := c.Now()
	m.sleep(8 * time.Hour)
	m.run(time.Second)
	if got := c.Now().Sub(before); got != 8*time.Hour+time.Second {
		t.Errorf("after a night and a second %v have passed", got)
	}
	if c.Ahead() != 0 {
		t.Errorf("the time of day is ahead by %v", c.Ahead())
	}
	m.sleep(time.Hour) // asleep, and set back meanwhile
	m.set(-30 * time.Minute)
	if got := c.Now().Sub(before); got != 9*time.Hour+time.Second {
		t.Errorf("after another hour %v have passed", got)
	}
	if c.Ahead() != -30*time.Minute {
		t.Errorf("the time of day is ahead by %v", c.Ahead())
	}
}

// The uptime is a system call: it is read when something happened, not for every hit.
func TestUptimeIsReadWhenTheClocksMovedApart(t *testing.T) {
	m := &machine{}
	c := m.clock()
	for range 1000 {
		m.run(time.Second)
		m.wall += 5 * time.Microsecond // as far as two readings may be apart
		c.Now()
	}
	if m.looked > 2 { // at the start, and once for what added up
		t.Errorf("read %d times", m.looked)
	}
	m.set(time.Hour)
	for range 1000 {
		c.Now()
	}
	if m.looked > 3 {
		t.Errorf("read %d times", m.looked)
	}
}

// Without an uptime the monotonic clock has to do: a suspend is taken for a clock that was set.
func TestWithoutAnUptime(t *testing.T) {
	m := &machine{}
	c := newSteady(m.clocks, func() (time.Duration, bool) { return 0, false })
	m.set(-time.Hour)
	m.run(time.Second)
	if got := c.Now(); !got.Equal(day.Add(time.Second)) {
		t.Errorf("it is %v", got)
	}
}

func TestMachinesClock(t *testing.T) {
	c := newSteady(nil, uptime)
	var last time.Time
	for range 1000 {
		now := c.Now()
		if now.Before(last) {
			t.Fatalf("%v after %v", now, last)
		}
		last = now
	}
	if d := time.Since(Wall(c)).Abs(); d > time.Minute {
		t.Errorf("the time of day is off by %v", d)
	}
	if n := testing.AllocsPerRun(1000, func() { c.Now() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSteady(b *testing.B) {
	c := Clock(newSteady(nil, uptime))
	b.Run("time.Now", func(b *testing.B) {
		for b.Loop() {
			_ = time.Now().Unix()
		}
	})
	b.Run("Now", func(b *testing.B) {
		for b.Loop() {
			_ = c.Now().Unix()
		}
	})
}
