/* Where the labels of a process map stand: beside their lines, above all lines in the drawing, and if
   anyhow possible on none of them.

   suture.mapLabels.way(d) gives the points of a path of M, L and C every few pixels.
   suture.mapLabels.place(lines, boxes, size) gives for each line {x, y, free}, the middle of its label.
     lines  [{points, thick, width}]     `width` of its label, 0 where it has none
     boxes  [[left, top, right, bottom]] that no label may touch
     size   {width, height, label, down} of the drawing, and the height of a label */
(function () {
  'use strict';
  var EVERY = 5, CELL = 16, WIDE = 1 << 16, ALONG = [.5, .42, .58, .34, .66, .26, .74, .18, .82, .1, .9];

  function far(a, b) { return Math.hypot(b[0] - a[0], b[1] - a[1]); }
  function way(d) {
    var found = [], at = null;
    (d.match(/[MCL][^MCL]*/g) || []).forEach(function (part) {
      var n = part.match(/-?[\d.]+/g).map(Number), p = [at];
      for (var i = 0; i < n.length; i += 2) p.push([n[i], n[i + 1]]);
      if (part[0] === 'M') found.push(p[1]);
      else {
        var length = 0;
        for (i = 1; i < p.length; i++) length += far(p[i - 1], p[i]);
        for (var steps = Math.max(1, Math.ceil(length / EVERY)), k = 1; k <= steps; k++) found.push(curve(p, k / steps));
      }
      at = p[p.length - 1];
    });
    return found;
  }
  /* Of two points a line, of four a cubic curve. */
  function curve(p, t) {
    var s = 1 - t, of = p.length === 2 ? [s, t] : [s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t], x = 0, y = 0;
    for (var i = 0; i < of.length; i++) { x += of[i] * p[i][0]; y += of[i] * p[i][1]; }
    return [x, y];
  }

  /* All points of all lines by the square they lie in, so that a label looks at those around it only. */
  function squares(lines) {
    var found = new Map();
    lines.forEach(function (line, i) {
      line.points.forEach(function (point) {
        var key = Math.floor(point[0] / CELL) * WIDE + Math.floor(point[1] / CELL);
        if (!found.has(key)) found.set(key, []);
        found.get(key).push([point[0], point[1], line.thick / 2, i]);
      });
    });
    return found;
  }
  /* How many points a box covers, those of one line left out; counted up to `most` of them. */
  function covered(box, grid, except, most) {
    var count = 0;
    for (var x = Math.floor((box[0] - 4) / CELL); x <= (box[2] + 4) / CELL; x++) {
      for (var y = Math.floor((box[1] - 4) / CELL); y <= (box[3] + 4) / CELL && count < most; y++) {
        var square = grid.get(x * WIDE + y) || [];
        for (var i = 0; i < square.length; i++) {
          var p = square[i];
          if (p[3] !== except && p[0] > box[0] - p[2] && p[0] < box[2] + p[2] && p[1] > box[1] - p[2] && p[1] < box[3] + p[2]) count++;
        }
      }
    }
    return count;
  }
  function overlap(a, b) { return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]; }

  /* Places along a line: above it (to its right where the process runs down), below it, a little further
     off, last on it. What a place costs decides between those that cover as much. */
  function places(line, size) {
    var points = line.points, last = points.length - 1, w = line.width / 2, h = size.label / 2, beside = [], off = [], on = [];
    ALONG.forEach(function (share) {
      var i = Math.round(share * last), a = points[Math.max(0, i - 1)], b = points[Math.min(last, i + 1)], p = points[i];
      var length = far(a, b) || 1, across = [-(b[1] - a[1]) / length, (b[0] - a[0]) / length];
      if (size.down ? across[0] < 0 : across[1] > 0) across = [-across[0], -across[1]];
      var near = Math.abs(across[0]) * w + Math.abs(across[1]) * h + line.thick / 2 + 1.5;
      [1, -1].forEach(function (side) {
        function at(far) { return {x: p[0] + side * across[0] * far, y: p[1] + side * across[1] * far, cost: far > near ? .3 : 0}; }
        beside.push(at(near));
        off.push(at(near + 9));
      });
      if (last * EVERY > 2 * line.width + 40) on.push({x: p[0], y: p[1], cost: .6, on: true});
    });
    return beside.concat(off, on);
  }
  function best(line, number, grid, taken, size) {
    var found = null, least = Infinity;
    places(line, size).some(function (place) {
      var w = line.width / 2, h = size.label / 2, box = [place.x - w, place.y - h, place.x + w, place.y + h];
      if (!found) found = {x: place.x, y: place.y, free: false};
      var inside = box[0] > 0 && box[1] > 0 && box[2] < size.width && box[3] < size.height;
      if (!inside || taken.some(function (other) { return overlap(box, other); })) return false;
      var cost = place.cost + covered(box, grid, place.on ? number : -1, least);
      if (cost < least) { least = cost; found = {x: place.x, y: place.y, free: true, box: box}; }
      return !cost;
    });
    return found;
  }
  /* The frequent ones first; one without room of its own shows when its line is pointed at. */
  function place(lines, boxes, size) {
    var grid = squares(lines), taken = boxes.slice(), found = [];
    lines.map(function (line, i) { return i; }).filter(function (i) { return lines[i].width; })
      .sort(function (a, b) { return lines[b].thick - lines[a].thick; })
      .forEach(function (i) {
        found[i] = best(lines[i], i, grid, taken, size);
        if (found[i].free) taken.push(found[i].box);
      });
    return found;
  }

  window.suture.mapLabels = {way: way, place: place};
})();
