/* How the parts of the time axis are drawn: the whole in small, ticks, milestones, traces and spans. */
(function () {
  'use strict';
  var View = window.suture.timeline.View, svg = window.suture.timeline.svg, html = window.suture.timeline.html;
  var wide = window.suture.timeline.wide;
  var PALETTE = ['#4c84d8', '#2f9e83', '#c77d1f', '#8a63d2', '#c2557f', '#4f9bb5', '#7d9a35', '#b5653c', '#6673c9', '#a0782c'];
  var S = 1000, MIN = 60 * S;
  var SHORT = [.0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20, 50, 100, 200, 500,
    S, 2 * S, 5 * S, 10 * S, 15 * S, 30 * S];

  View.prototype.drawMini = function () {
    var height = 34, node = svg('svg', {width: this.width, height: height}), whole = this.whole;
    var air = (whole[1] - whole[0]) * .015, from = whole[0] - air, to = whole[1] + air;
    var left = this.narrow ? 14 : this.left, right = this.right;
    var x = function (t) { return left + (t - from) / (to - from) * (right - left); };
    this.miniTime = function (px) { return from + (px - left) / (right - left) * (to - from); };
    this.data.traces.forEach(function (t) {
      var a = x(t[2]);
      node.appendChild(svg('rect', {x: a, y: 20, width: Math.max(2, x(t[3]) - a), height: 5, rx: 2, 'class': 'ext' + (t[5] ? ' bad' : '')}));
    });
    this.data.milestones.forEach(function (m) {
      node.appendChild(svg('circle', {cx: x(m[0]), cy: 11, r: 3, 'class': 'dot tone-' + m[2]}));
    });
    if (this.window) {
      var a = Math.max(left - 6, x(this.window[0])), b = Math.min(right + 6, x(this.window[1]));
      if (b - a < 3) { a -= 1.5; b += 1.5; }
      node.appendChild(svg('rect', {x: 0, y: 0, width: Math.max(0, a), height: height, 'class': 'out'}));
      node.appendChild(svg('rect', {x: b, y: 0, width: Math.max(0, this.width - b), height: height, 'class': 'out'}));
      node.appendChild(svg('rect', {x: a, y: 1, width: b - a, height: height - 2, rx: 3, 'class': 'in'}));
    }
    this.mini.replaceChildren(node);
  };

  /* Ticks: those of the calendar where minutes count, distances from a start where milliseconds do. */
  View.prototype.ticks = function () {
    var w = this.seen(), room = this.narrow ? 72 : 92;
    var most = Math.max(2, Math.floor((this.right - this.left) / room));
    return w[1] - w[0] < MIN ? this.distances(w, most) : {list: this.dates(w, most), zero: null};
  };
  View.prototype.distances = function (w, most) {
    var step = SHORT.find(function (s) { return (w[1] - w[0]) / s <= most; }) || SHORT[SHORT.length - 1];
    var zero = this.opened !== null ? this.data.traces[this.opened][2] : Math.floor(w[0] / S) * S, ticks = [];
    for (var t = zero + Math.ceil((w[0] - zero) / step) * step; t <= w[1]; t += step) {
      ticks.push([t, (t - zero < -step / 2 ? '−' : '+') + (Math.abs(t - zero) < step / 2 ? '0' : window.suture.duration(Math.abs(t - zero) / 1000))]);
    }
    return {list: ticks, zero: zero};
  };
  /* The first hour of a day has its date beside it. */
  View.prototype.dates = function (w, most) {
    var base = this.data.base, self = this, last = '';
    return window.suture.calendar.ticks(base + w[0], base + w[1], most).map(function (tick) {
      var t = tick[0] - base, text = self.stamp(t, tick[1]), date = self.stamp(t, 'day');
      if ((tick[1] === 'minute' || tick[1] === 'second') && date !== last) text = date + ' ' + text;
      last = date;
      return [t, text];
    });
  };
  View.prototype.drawAxis = function () {
    var height = 28, node = svg('svg', {width: this.width, height: height}), end = -9;
    this.tickList = this.ticks();
    var corner = this.tickList.zero === null ? '' : '0 = ' + this.stamp(this.tickList.zero, 'split');
    if (corner && !this.narrow) node.appendChild(svg('text', {x: 18, y: 18, 'class': 'corner'}, corner));
    this.tickList.list.forEach(function (tick) {
      var x = this.x(tick[0]), size = wide(tick[1]);
      node.appendChild(svg('line', {x1: x, x2: x, y1: 22, y2: height}));
      var start = Math.min(Math.max(x - size / 2, 4), this.width - size - 4);
      if (start < end + 8) return;
      end = start + size;
      node.appendChild(svg('text', {x: start, y: 17}, tick[1]));
    }, this);
    this.axis.replaceChildren(node);
  };

  View.prototype.drawMiles = function () {
    var miles = this.data.milestones, marks = this.data.marks || [];
    this.miles.hidden = !miles.length;
    if (!miles.length) return;
    var self = this, tiers = [], TIER = 19, base, w = this.seen();
    var inside = function (t) { return t >= w[0] && t <= w[1]; };
    var labels = miles.map(function (m, i) { return {i: i, at: m[0], x: self.x(m[0]), text: m[1]}; })
      .filter(function (l) { return inside(l.at); });
    var deepest = this.narrow ? 5 : 4;
    labels.forEach(function (label) {
      var size = wide(label.text, true) + 4, start = label.x - 5;
      if (start + size > self.width - 6) start = Math.max(6, label.x + 5 - size);
      for (var tier = 0; tier < deepest; tier++) {
        if (tiers[tier] === undefined || start > tiers[tier] + 8) {
          tiers[tier] = start + size; label.tier = tier; label.start = start; label.size = size;
          return;
        }
      }
    });
    base = 16 + Math.max(1, tiers.length) * TIER;
    var floors = [], lowest = 0;
    marks.forEach(function (mark) {
      if (!inside(mark[0])) return;
      var x = self.x(mark[0]), size = wide(mark[1]), start = x + size + 10 > self.width ? x - 5 - size : x + 5;
      mark.floor = null;
      for (var floor = 0; floor < 3 && mark.floor === null; floor++) {
        if (floors[floor] === undefined || start > floors[floor] + 8) { floors[floor] = start + size; mark.floor = floor; mark.start = start; lowest = Math.max(lowest, floor + 1); }
      }
    });
    var height = base + 28 + lowest * 16, node = svg('svg', {width: this.width, height: height});
    this.tickList.list.forEach(function (tick) {
      node.appendChild(svg('line', {x1: self.x(tick[0]), x2: self.x(tick[0]), y1: 0, y2: height, 'class': 'tick'}));
    });
    if (!this.narrow) node.appendChild(svg('text', {x: 18, y: base + 4}, 'Milestones'));
    this.drawFlow(node, base);
    marks.forEach(function (mark) {
      if (!inside(mark[0])) return;
      var x = self.x(mark[0]);
      node.appendChild(svg('line', {x1: x, x2: x, y1: 4, y2: height, 'class': 'mark tone-' + mark[2]}));
      if (mark.floor === null) return;
      var at = {x: mark.start, y: base + 35 + mark.floor * 16, 'class': 'mark-name tone-' + mark[2]};
      node.appendChild(svg('text', at, mark[1]));
    });
    labels.slice().reverse().forEach(function (label) {
      if (label.tier === undefined) return;
      var y = base - 12 - label.tier * TIER;
      node.appendChild(svg('line', {x1: label.x, x2: label.x, y1: y + 4, y2: base - 5, 'class': 'lead'}));
      node.appendChild(svg('text', {x: label.start, y: y, 'class': 'name'}, label.text));
    });
    labels.forEach(function (label) {
      var dot = svg('circle', {cx: label.x, cy: base, r: 5, 'class': 'tone-' + miles[label.i][2]});
      dot.addEventListener('pointerenter', function (event) { self.tipMile(event, miles[label.i]); });
      dot.addEventListener('pointerleave', function () { self.hideTip(); });
      node.appendChild(dot);
    });
    this.miles.replaceChildren(node);
  };
  /* The line the milestones stand on, with the time from each to the next where there is room. */
  View.prototype.drawFlow = function (node, base) {
    var self = this, miles = this.data.milestones, edge = function (x) { return Math.min(Math.max(x, self.left - 8), self.right + 8); };
    var w = this.seen();
    var stretch = function (from, to, running, names) {
      var a = edge(self.x(from)), b = edge(self.x(to));
      if (b <= a) return;
      node.appendChild(svg('line', {x1: a, x2: b, y1: base, y2: base, 'class': 'flow' + (running ? ' running' : '')}));
      var text = window.suture.duration((to - from) / 1000);
      // Deep inside a stretch there is no milestone to see: the line says between which it lies.
      var long = text + ' · ' + names;
      if (from < w[0] && to > w[1] && b - a > wide(long) + 22) text = long;
      if (b - a > wide(text) + 22) node.appendChild(svg('text', {x: (a + b) / 2, y: base + 17, 'class': 'took'}, text));
    };
    miles.forEach(function (m, i) { if (i + 1 < miles.length) stretch(m[0], miles[i + 1][0], false, m[1] + ' → ' + miles[i + 1][1]); });
    if (this.data.open) stretch(miles[miles.length - 1][0], this.data.range[1], true, 'after ' + miles[miles.length - 1][1]);
  };

  View.prototype.lines = function () {
    var list = [];
    this.data.traces.forEach(function (trace, i) {
      list.push({trace: i});
      if (this.opened === i) this.ofTrace[i].forEach(function (span) { list.push({span: span}); });
    }, this);
    return this.data.single ? list.slice(1) : list;
  };
  View.prototype.drawRows = function () {
    var height = this.narrow ? 42 : 27, list = this.lines(), self = this;
    this.rows.hidden = !list.length;
    this.rowHeight = height;
    this.space.style.height = list.length * height + 'px';
    var top = this.rows.scrollTop, seen = this.rows.clientHeight || 520;
    var from = Math.max(0, Math.floor(top / height) - 6), to = Math.min(list.length, Math.ceil((top + seen) / height) + 6);
    var nodes = [], w = this.seen();
    var line = function (t, kind) {
      if (t < w[0] || t > w[1]) return;
      var node = html('div', 'tl-line ' + kind);
      node.style.left = self.x(t) + 'px';
      nodes.push(node);
    };
    this.tickList.list.forEach(function (tick) { line(tick[0], ''); });
    this.data.milestones.forEach(function (m) { line(m[0], 'mile'); });
    (this.data.marks || []).forEach(function (m) { line(m[0], 'mark'); });
    for (var i = from; i < to; i++) {
      var row = list[i].span === undefined ? this.traceRow(list[i].trace) : this.spanRow(list[i].span);
      row.style.top = i * height + 'px';
      row.style.height = height + 'px';
      nodes.push(row);
    }
    this.space.replaceChildren.apply(this.space, nodes);
  };
  View.prototype.row = function (className, from, to, text) {
    var row = html('div', 'tl-row ' + className), label = row.appendChild(html('div', 'tl-label'));
    label.style.width = (this.narrow ? this.width : this.gutter) + 'px';
    var least = className.indexOf('trace') === 0 ? 5 : 2, a = this.x(from), b = Math.max(this.x(to), a + least);
    if (b >= this.left - 6 && a <= this.right + 6) {
      var fill = row.appendChild(html('div', 'tl-fill'));
      var x = Math.max(a, this.left - 6), end = Math.min(b, this.right + 6);
      fill.style.left = x + 'px';
      fill.style.width = Math.max(2, end - x) + 'px';
      if (this.narrow) fill.style.bottom = '6px';
      else fill.style.top = 'calc(50% - ' + (className.indexOf('trace') === 0 ? 4 : 6) + 'px)';
      var took = row.appendChild(html('div', 'tl-took', text)), size = wide(text) + 8;
      took.style[this.narrow ? 'bottom' : 'top'] = this.narrow ? '3px' : 'calc(50% - 8px)';
      if (end + size < this.width) took.style.left = end + 7 + 'px';
      else if (x - size > this.left) took.style.right = this.width - x + 7 + 'px';
      else took.remove();
    }
    return {row: row, label: label, fill: fill};
  };
  View.prototype.traceRow = function (index) {
    var trace = this.data.traces[index], self = this, text = window.suture.duration((trace[3] - trace[2]) / 1000);
    var made = this.row('trace' + (trace[5] ? ' bad' : '') + (this.opened === index ? ' open' : ''), trace[2], trace[3], text);
    made.label.appendChild(html('i', 'icon icon-next turn'));
    made.label.appendChild(html('span', 'name', trace[1]));
    made.label.appendChild(html('span', 'svc', trace[4] === 1 ? '1 span' : trace[4] + ' spans'));
    if (trace[5]) made.label.appendChild(html('span', 'mark', '!'));
    made.row.setAttribute('role', 'button');
    made.row.setAttribute('aria-expanded', String(this.opened === index));
    made.row.tabIndex = 0;
    made.row.addEventListener('click', function () { self.toggle(index); });
    made.row.addEventListener('keydown', function (event) { if (event.key === 'Enter') self.toggle(index); });
    return made.row;
  };
  View.prototype.spanRow = function (index) {
    var span = this.data.spans[index], self = this, text = window.suture.duration(span[6] / 1000);
    var made = this.row('span' + (span[7] ? ' failed' : '') + (this.picked === span[1] ? ' picked' : ''), span[5], span[5] + span[6], text);
    var color = PALETTE[span[4] % PALETTE.length], inset = (this.narrow ? 14 : this.data.single ? 18 : 34) + Math.min(span[2], 14) * (this.narrow ? 8 : 13);
    if (made.fill) made.fill.style.background = color;
    made.label.style.paddingLeft = inset + 'px';
    var swatch = made.label.appendChild(html('i', 'swatch'));
    swatch.style.background = color;
    if (this.narrow) swatch.style.marginTop = '4px';
    if (span[7]) made.label.appendChild(html('span', 'mark', '!'));
    made.label.appendChild(html('span', 'name', span[3]));
    made.label.appendChild(html('span', 'svc', this.data.services[span[4]]));
    made.row.dataset.span = span[1];
    made.row.addEventListener('click', function () { self.pick(index); });
    made.row.addEventListener('dblclick', function () {
      var room = Math.max(span[6] * .1, .01);
      self.look([span[5] - room, span[5] + span[6] + room]);
    });
    made.row.addEventListener('pointerenter', function (event) { if (event.pointerType === 'mouse') self.tipSpan(event, span); });
    made.row.addEventListener('pointerleave', function () { self.hideTip(); });
    return made.row;
  };

  View.prototype.drawFoot = function () {
    var self = this, keys = [];
    if (this.opened !== null) {
      var used = {};
      this.ofTrace[this.opened].forEach(function (i) { used[self.data.spans[i][4]] = true; });
      Object.keys(used).forEach(function (service) {
        var key = html('span', 'tl-key');
        key.appendChild(html('i')).style.background = PALETTE[service % PALETTE.length];
        key.appendChild(document.createTextNode(self.data.services[service]));
        keys.push(key);
      });
    }
    if (this.data.note) keys.push(html('span', '', this.data.note));
    keys.push(html('span', 'tl-hint', this.data.single ? 'Drag across the axis to zoom; double-click a span to fill the view with it.'
      : this.data.traces.length ? 'Open a trace to see its spans; drag across the axis to zoom.' : 'Drag across the axis to zoom.'));
    this.foot.replaceChildren.apply(this.foot, keys);
  };
})();
