package topics

import (
	"slices"
	"time"
)

// Quotas of a serverless cluster (MSK guide, "MSK Serverless quota").
const (
	MaxPartitions = 2400 // leader partitions
	MaxCompacted  = 120  // of them, those of compacted topics

	windowPartitions = 250 // created or deleted in any window
	window           = 5 * time.Minute
	requestGap       = time.Second / 2 // two topic-management requests a second
)

// How mskctl stays within the quotas. The slack covers the difference between the cluster's clock and this one's.
const (
	windowSlack    = time.Second
	gapSlack       = 10 * time.Millisecond
	refusalPause   = window/3 + windowSlack // after a refusal: at most 3 a window
	topicsAtOnce   = 50                     // topics in a request
	settingsAtOnce = 100                    // topics in a request that creates no partitions
)

// pacer says when the next request may be sent. It knows only of this program's requests.
type pacer struct {
	spent []spending // in the window, in order
	ready time.Time  // when the next request of any kind may be sent
}

// spending is a number of partitions that a request created or deleted.
type spending struct {
	at         time.Time
	partitions int
}

// room returns how many partitions may be created or deleted at the time.
func (p *pacer) room(now time.Time) int {
	room := windowPartitions
	for _, s := range p.spent {
		if now.Before(s.at.Add(window + windowSlack)) {
			room -= s.partitions
		}
	}
	return room
}

// next returns the earliest time for a request that creates or deletes so many partitions. More than a window allows
// may be sent when nothing else was in the window.
func (p *pacer) next(now time.Time, partitions int) time.Time {
	at := now
	if p.ready.After(at) {
		at = p.ready
	}
	for _, s := range p.spent {
		if p.room(at) >= min(partitions, windowPartitions) {
			break
		}
		if free := s.at.Add(window + windowSlack); free.After(at) {
			at = free
		}
	}
	return at
}

// sent records a request that was answered at the time, and created or deleted so many partitions.
func (p *pacer) sent(at time.Time, partitions int) {
	p.spent = slices.DeleteFunc(p.spent, func(s spending) bool { return at.Sub(s.at) > window+windowSlack })
	if partitions > 0 {
		p.spent = append(p.spent, spending{at, partitions})
	}
	p.ready = at.Add(requestGap + gapSlack)
}

// refused records a request that was refused because somebody else has used up the window.
func (p *pacer) refused(at time.Time) { p.ready = at.Add(refusalPause) }

// step is a change of one topic that fits into one request.
type step struct {
	kind       kind
	topic      Topic // as it will be; for a deletion, as it is
	partitions int   // that the step creates or deletes
	want       int   // partitions that the topic will have after all steps
	settings   []SettingChange
}

// left returns how many partitions the step and those that follow it create or delete.
func (s step) left() int { return s.partitions + max(0, s.want-s.topic.Partitions) }

// rest returns the step that follows if the topic wants more partitions than one window allows.
func (s step) rest() []step {
	if s.topic.Partitions >= s.want {
		return nil
	}
	return []step{grow(s.topic, s.want)}
}

// grow returns the next step of a topic towards a number of partitions.
func grow(t Topic, want int) step {
	more := min(want-t.Partitions, windowPartitions)
	t.Partitions += more
	return step{kind: growing, topic: t, partitions: more, want: want}
}

// kind is the kind of request that makes a step.
type kind int

const (
	altering kind = iota
	deleting
	creating
	growing
)

// batch returns the steps of the next request, and the earliest time for it. It takes the first steps that fit, all of
// one kind.
func (p *pacer) batch(now time.Time, steps []step) (batch []step, at time.Time) {
	smallest := steps[0]
	for _, s := range steps {
		if s.kind == steps[0].kind && s.partitions < smallest.partitions {
			smallest = s
		}
	}
	at = p.next(now, smallest.partitions)
	room, most := p.room(at), topicsAtOnce
	if steps[0].kind == altering {
		most = settingsAtOnce
	}
	for _, s := range steps {
		alone := room == windowPartitions && len(batch) == 0 // a topic may be larger than a window, to be deleted
		if s.kind == steps[0].kind && len(batch) < most && (s.partitions <= room || alone) {
			batch = append(batch, s)
			room -= s.partitions
		}
	}
	return batch, at
}

// duration returns how long the steps take if every request is answered at once and nobody else uses the quotas.
func duration(p pacer, now time.Time, steps []step) time.Duration {
	p.spent = slices.Clone(p.spent)
	start := now
	for len(steps) > 0 {
		var batch []step
		batch, now = p.batch(now, steps)
		p.sent(now, cost(batch))
		steps = without(steps, batch)
		for _, s := range batch {
			steps = append(steps, s.rest()...)
		}
	}
	return now.Sub(start)
}

// cost returns the number of partitions that the steps create or delete.
func cost(steps []step) int {
	partitions := 0
	for _, s := range steps {
		partitions += s.partitions
	}
	return partitions
}

// without returns the steps that aren't in the batch.
func without(steps, batch []step) []step {
	done := map[string]bool{}
	for _, s := range batch {
		done[s.topic.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(steps), func(s step) bool {
		return s.kind == batch[0].kind && done[s.topic.Name]
	})
}
