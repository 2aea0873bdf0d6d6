// Files of messages: each is one stream, from its start frame to its stop frame. Readers end at the
// first stop frame, so a file of an earlier process is never continued.

package dnstap

import (
	"bytes"

	framestream "github.com/farsightsec/golang-framestream"

	"bailiwick/internal/logfile"
)

// contentType is what frames of dnstap are, as both ends of a stream have to say.
var contentType = []byte("protobuf:dnstap.Dnstap")

// control encodes a control frame.
func control(f framestream.ControlFrame, types ...[]byte) []byte {
	var b bytes.Buffer
	f.SetContentTypes(types)
	_ = f.Encode(&b) // a buffer takes all
	return b.Bytes()
}

// The control frames that do not depend on the reader.
var (
	ready  = control(framestream.ControlReady, contentType)
	start  = control(framestream.ControlStart, contentType)
	finish = control(framestream.ControlStop)
)

// file is a file of messages.
type file struct {
	*logfile.File
	begun bool // the start frame is written
}

// openFile opens a file of messages.
func openFile(path string, maxSize int64, keep int) (*file, error) {
	f, err := logfile.Open(path, maxSize, keep)
	return &file{File: f}, err
}

// ready implements output: it has the file at the path open, with its start frame.
func (f *file) ready() error {
	if f.Moved() && f.Free() {
		if err := f.renew(f.Reopen); err != nil {
			return err
		}
	}
	if err := f.Ready(); err != nil {
		return err
	}
	return f.begin()
}

// begin writes the start frame, if it is not there. A file that is there already becomes the latest
// of the earlier ones.
func (f *file) begin() error {
	if f.begun {
		return nil
	}
	if !f.Empty() {
		if err := f.Rotate(); err != nil {
			return err
		}
	}
	err := f.whole(start)
	f.begun = err == nil
	return err
}

// whole writes frames, or nothing.
func (f *file) whole(frames []byte) error {
	n, err := f.Write(frames)
	if err != nil {
		f.cutOff(n)
	}
	return err
}

// cutOff removes what a full disk has taken of frames, so that what comes later can be read.
func (f *file) cutOff(octets int) {
	if err := f.CutOff(octets); err != nil { // the next file has what comes later
		f.Close()
		f.begun = false
	}
}

// write implements output.
func (f *file) write(frames []byte) error {
	if f.Full(len(frames) + len(finish)) {
		if err := f.rotate(); err != nil {
			return err
		}
		if err := f.begin(); err != nil {
			return err
		}
	}
	return f.whole(frames)
}

// lost implements output.
func (f *file) lost() <-chan struct{} { return nil }

// rotate implements output. A file in which nothing is written yet stays.
func (f *file) rotate() error {
	if !f.begun {
		return nil
	}
	return f.renew(f.Rotate)
}

// reopen implements output. A file that is still at its path goes on, and so does one whose path
// another process, or another sender of this one, has taken over.
func (f *file) reopen() error {
	if !f.Free() {
		return nil
	}
	return f.renew(f.Reopen)
}

// renew ends the stream, and has the next one begin in the file that by opens.
func (f *file) renew(by func() error) error {
	f.end()
	return by()
}

// end writes the stop frame.
func (f *file) end() {
	if f.begun {
		_ = f.whole(finish) // without it the file can be read all the same
	}
	f.begun = false
}

// close implements output.
func (f *file) close() {
	f.end()
	f.Close()
}
