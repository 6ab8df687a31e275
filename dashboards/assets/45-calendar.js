/* Where the ticks of a time axis stand, in the zone of the browser: years, months and weeks begin where
   the calendar begins them, days at their midnight, and hours are those of the clock on the wall,
   whether summer time begins, ends or never comes.

   suture.calendar.ticks(from, to, most) gives [[instant, format]], at most about `most` of them between
   two instants in milliseconds; `format` says how one is written, and stands in 50-timeline.js. */
(function () {
  'use strict';
  var S = 1000, MIN = 60 * S, H = 60 * MIN, D = 24 * H, YEAR = 365.25 * D;
  var MONDAY = 4; // The first one of all, in days after 1970-01-01.

  function dayOf(date) { return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / D; }
  /* A day by its number at an hour of its clock; one that summer time leaves out is the next there is. */
  function atDay(number, hour) {
    var day = new Date(number * D);
    return +new Date(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate(), hour || 0);
  }
  /* Boundaries are counted: `of` gives the number of the one an instant lies behind, `at` where one is. */
  function hours(count) {
    var each = 24 / count;
    return {
      size: count * H, format: 'minute',
      of: function (date) { return dayOf(date) * each + Math.floor(date.getHours() / count); },
      at: function (i) { var day = Math.floor(i / each); return atDay(day, (i - day * each) * count); }
    };
  }
  function days(count, first) {
    return {
      size: count * D, format: 'day',
      of: function (date) { return Math.floor((dayOf(date) - first) / count); },
      at: function (i) { return atDay(first + i * count); }
    };
  }
  function months(count) {
    return {
      size: count * YEAR / 12, format: count < 12 ? 'month' : 'year',
      of: function (date) { return Math.floor((date.getFullYear() * 12 + date.getMonth()) / count); },
      at: function (i) { return +new Date(0, i * count - 1900 * 12, 1); }
    };
  }
  function years(count) { return months(12 * count); }
  /* Up to an hour a step is a length of time: where an hour comes twice, so do its ticks. */
  function lengths(size) { return {size: size, format: size < MIN ? 'second' : 'minute'}; }

  var STEPS = [S, 2 * S, 5 * S, 10 * S, 15 * S, 30 * S, MIN, 2 * MIN, 5 * MIN, 10 * MIN, 15 * MIN, 30 * MIN, H].map(lengths)
    .concat([2, 3, 6, 12].map(hours), days(1, 0), days(2, 0), days(7, MONDAY), days(14, MONDAY),
      [1, 3, 6].map(months), [1, 2, 5, 10, 20, 50, 100].map(years));

  function aligned(t, size) {
    var shift = -new Date(t).getTimezoneOffset() * MIN;
    return Math.floor((t + shift) / size) * size - shift;
  }
  function next(step, t) {
    if (!step.at) return Math.max(aligned(t + step.size, step.size), aligned(t, step.size) + step.size);
    for (var i = step.of(new Date(t)) + 1, found = step.at(i); found <= t; found = step.at(i)) i++;
    return found;
  }

  window.suture.calendar = {
    ticks: function (from, to, most) {
      var step = STEPS.find(function (one) { return (to - from) / one.size <= most; }) || STEPS[STEPS.length - 1];
      var found = [];
      for (var t = next(step, from - 1); t <= to; t = next(step, t)) found.push([t, step.format]);
      return found;
    }
  };
})();
