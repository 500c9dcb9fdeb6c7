package templates

import "strconv"

// The measures of a chart, in units of its viewBox; the style sheet stretches it.
const (
	barWidth    = 10
	barGap      = 2
	chartHeight = 60
	leastBar    = 2 // so that one call among thousands is seen
)

// box is a rectangle of a chart.
type box struct{ x, y, width, height string }

// scale is how the calls of a chart are drawn: both sides of the line share one scale.
type scale struct {
	unit float64 // height of one call
	line float64 // where the line is
}

func (c ChartView) scale() scale {
	var up, down int64
	for _, b := range c.Bars {
		up, down = max(up, b.Accepted), max(down, b.Refused)
	}
	if up+down == 0 {
		return scale{line: chartHeight - 1}
	}
	room := float64(chartHeight - 1)
	s := scale{unit: room / float64(up+down), line: room * float64(up) / float64(up+down)}
	if up > 0 {
		s.line = max(s.line, leastBar)
	}
	if down > 0 {
		s.line = min(s.line, room-leastBar)
	}
	return s
}

func (s scale) up(i int, calls int64) box {
	h := min(s.height(calls), s.line)
	return barBox(i, s.line-h, h)
}

func (s scale) down(i int, calls int64) box { return barBox(i, s.line+1, s.height(calls)) }

func (s scale) height(calls int64) float64 {
	if calls == 0 {
		return 0
	}
	return max(s.unit*float64(calls), leastBar)
}

func barBox(i int, y, height float64) box {
	return box{strconv.Itoa(i*barWidth + barGap/2), decimal(y), strconv.Itoa(barWidth - barGap), decimal(height)}
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

func (c ChartView) viewBox() string {
	return "0 0 " + c.width() + " " + strconv.Itoa(chartHeight)
}

func (c ChartView) width() string { return strconv.Itoa(len(c.Bars) * barWidth) }

// The measures of a spark line, in pixels.
const (
	sparkStep   = 2
	sparkHeight = 14
)
