// HTTP/2's settings and flow control (RFC 9113, sections 5.2, 6.5 and 6.9): how much a client
// accepts.

package transport

import (
	"encoding/binary"

	"bailiwick/internal/cause"
)

// settings handles the client's SETTINGS (RFC 9113, section 6.5).
func (s *http2) settings(flags byte, stream uint32, p []byte) cause.Cause {
	switch {
	case stream != 0:
		return s.violation(h2ProtocolError)
	case flags&flagAck != 0 && len(p) > 0 || len(p)%6 != 0:
		return s.violation(h2FrameSizeError)
	case flags&flagAck != 0:
		return cause.None
	}
	s.settled = true
	s.credit -= len(p) / 6 // each may change the windows of all streams
	for ; len(p) > 0; p = p[6:] {
		v := binary.BigEndian.Uint32(p[2:])
		switch binary.BigEndian.Uint16(p) {
		case settingEnablePush:
			if v > 1 {
				return s.violation(h2ProtocolError)
			}
		case settingInitialWindow:
			if v > maxWindow || !s.resize(int64(v)) {
				return s.violation(h2FlowControlError)
			}
		case settingMaxFrameSize:
			if v < frameSize || v >= 1<<24 {
				return s.violation(h2ProtocolError)
			}
		}
	}
	s.work.out = appendFrameHeader(s.work.out, 0, frameSettings, flagAck, 0)
	s.resume()
	return cause.None
}

// resize changes the windows of all streams (RFC 9113, section 6.9.2).
func (s *http2) resize(initial int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if initial == s.initial {
		return true
	}
	for _, st := range s.streams {
		if st.window += initial - s.initial; st.window > maxWindow {
			return false
		}
	}
	s.initial = initial
	return true
}

// windowUpdate enlarges a window for DATA to the client (RFC 9113, section 6.9).
func (s *http2) windowUpdate(stream uint32, p []byte) cause.Cause {
	if len(p) != 4 {
		return s.violation(h2FrameSizeError)
	}
	n := int64(binary.BigEndian.Uint32(p) & maxWindow)
	if stream > s.last {
		return s.unknown()
	}
	s.mu.Lock()
	st := s.streams[stream]
	bad := n == 0
	switch {
	case stream == 0:
		s.window += n
		bad = bad || s.window > maxWindow
	case st != nil:
		st.window += n
		bad = bad || st.window > maxWindow
	}
	s.mu.Unlock()
	switch {
	case bad && stream == 0 && n == 0:
		return s.violation(h2ProtocolError)
	case bad && stream == 0:
		return s.violation(h2FlowControlError)
	case bad && st != nil && n == 0:
		s.resetStream(st, h2ProtocolError)
	case bad && st != nil:
		s.resetStream(st, h2FlowControlError)
	default:
		s.resume()
	}
	return cause.None
}

// resume sends answers that waited for the client's window.
func (s *http2) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stalled == 0 {
		return
	}
	s.credit -= len(s.streams) / streamsPerCredit
	for _, st := range s.streams {
		if s.window <= 0 {
			return
		}
		if len(st.unsent) > 0 && st.window > 0 {
			s.work.out = s.body(s.work.out, st, st.unsent)
		}
	}
}
