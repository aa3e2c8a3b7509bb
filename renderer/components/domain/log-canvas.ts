import { jsonLine, type LogLine, type LogLines, levelOf, plainText, styledText } from '../../model/index.ts';

const lineHeight = 20;
/** Browsers lay out no taller elements; beyond it, scrolling is scaled. */
const tallest = 8_000_000;
/** So many lines away from where it was begun, the sheet is begun anew: browsers round what is far off. */
const farthest = 100_000;

export interface LogLook {
  times: boolean;
  /** Long lines are broken. */
  wrap: boolean;
  /** Lines of JSON are shown as level, message and fields. */
  json: boolean;
  /** Names of the logs, when there are several. */
  names: readonly string[];
  pattern: RegExp | undefined;
  /** The line of the current match. */
  current: number;
}

/** While somebody reads above the end, the scroll bar learns of new lines so often, in milliseconds: it is a layout. */
const growMs = 250;
/** Lines around those in view that are drawn, too. */
const spare = 2;

/**
 * Draws the lines of a log that are in view, with the DOM itself: a hundred thousand new lines cost one drawing of fifty, and
 * a line that stays in view is drawn once. Follows the end until somebody scrolls up.
 */
export class LogCanvas {
  readonly #box: HTMLElement;
  #lines: LogLines;
  readonly #spacer = document.createElement('div');
  readonly #sheet = document.createElement('div');
  readonly #resized: ResizeObserver;
  /** What is drawn, by the number of its line since the log began. */
  readonly #drawn = new Map<number, HTMLElement>();
  /** The number of the line at the sheet's upper edge, before it is moved. */
  #base = 0;
  #frame = 0;
  #look: LogLook = { times: false, wrap: false, json: false, names: [], pattern: undefined, current: -1 };
  #following = true;
  #dropped = 0;
  /** Height of the box in pixels. */
  #visible = 0;
  /** Pixels of the log above the view. */
  #top = 0;
  /** Height of the log as the scroll bar knows it, and where its thumb is; NaN when it must be put elsewhere. */
  #laidOut = 0;
  #ownScroll = 0;
  #grown = 0;
  #growing: ReturnType<typeof setTimeout> | undefined;
  /** Told when following begins or ends. */
  onFollow: (following: boolean) => void = () => undefined;

  constructor(box: HTMLElement, lines: LogLines) {
    this.#box = box;
    this.#lines = lines;
    this.#sheet.className = 'sheet';
    box.append(this.#sheet, this.#spacer);
    box.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#resized = new ResizeObserver(() => {
      this.#visible = box.clientHeight;
      this.changed();
    });
    this.#resized.observe(box);
  }

  /** The log or its look has changed: drawn with the next frame. */
  changed(look?: LogLook): void {
    if (look) {
      this.#look = look;
      this.#wipe();
    }
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  /** Other lines take the place of those that are drawn. */
  show(lines: LogLines): void {
    this.#lines = lines;
    this.#dropped = lines.dropped;
    this.#wipe();
    this.follow();
  }

  follow(): void {
    this.#setFollowing(true);
    this.changed();
  }

  /** Brings a line into the middle. */
  goTo(index: number): void {
    this.#setFollowing(false);
    this.#top = (index + 0.5) * lineHeight - this.#visible / 2;
    this.#ownScroll = Number.NaN;
    this.changed();
  }

  dispose(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#growing);
    this.#resized.disconnect();
  }

  get #height(): number {
    return this.#lines.length * lineHeight;
  }

  /** Pixels of the log that a pixel of the scroll bar's way stands for. */
  get #scale(): number {
    return this.#laidOut <= tallest ? 1 : (this.#laidOut - this.#visible) / (tallest - this.#visible);
  }

  #scrolled(): void {
    const { scrollTop } = this.#box;
    if (Math.abs(scrollTop - this.#ownScroll) <= 1) return; // it was us
    this.#ownScroll = scrollTop;
    this.#top = scrollTop * this.#scale;
    this.#setFollowing(scrollTop >= Math.min(this.#laidOut, tallest) - this.#visible - 2);
    this.changed();
  }

  #setFollowing(following: boolean): void {
    if (this.#following === following) return;
    this.#following = following;
    this.onFollow(following);
  }

  #draw(): void {
    this.#frame = 0;
    const gone = this.#lines.dropped - this.#dropped;
    this.#dropped = this.#lines.dropped;
    const most = Math.max(0, this.#height - this.#visible);
    this.#top = this.#following ? most : Math.max(0, Math.min(most, this.#top - gone * lineHeight));
    this.#drawLines();
    // last, and nothing is asked of the page after it: one layout a frame
    this.#layOut(gone > 0);
  }

  #drawLines(): void {
    const first = Math.max(0, Math.floor(this.#top / lineHeight) - spare);
    const last = Math.min(this.#lines.length, Math.ceil((this.#top + this.#visible) / lineHeight) + spare);
    if (Math.abs(first + this.#dropped - this.#base) > farthest) this.#wipe(first + this.#dropped);
    this.#erase(first + this.#dropped, last + this.#dropped);
    let next = this.#sheet.firstElementChild;
    for (let index = first; index < last; index++) {
      const number = index + this.#dropped;
      const line = this.#drawn.get(number) ?? this.#newLine(index, number);
      if (line === next) next = next.nextElementSibling;
      else this.#sheet.insertBefore(line, next); // in their order: they are selected and copied
    }
    if (this.#look.wrap) this.#flow(this.#top - first * lineHeight);
    else this.#sheet.style.cssText = `transform:translateY(${(this.#base - this.#dropped) * lineHeight - this.#top}px)`;
  }

  #newLine(index: number, number: number): HTMLElement {
    const line = this.#line(index);
    if (!this.#look.wrap) line.style.transform = `translateY(${(number - this.#base) * lineHeight}px)`;
    this.#drawn.set(number, line);
    return line;
  }

  /** Takes away what is outside of these numbers. */
  #erase(first: number, last: number): void {
    for (const [number, line] of this.#drawn) {
      if (number >= first && number < last) continue;
      line.remove();
      this.#drawn.delete(number);
    }
  }

  #wipe(base = this.#base): void {
    this.#base = base;
    this.#drawn.clear();
    this.#sheet.replaceChildren();
  }

  /** Tells the scroll bar how long the log is and where the view is in it. */
  #layOut(moved: boolean): void {
    const waited = performance.now() - this.#grown;
    const still = !Number.isNaN(this.#ownScroll) && !moved && this.#height >= this.#laidOut;
    if (!this.#following && still && (this.#height === this.#laidOut || waited < growMs)) {
      if (this.#height !== this.#laidOut) this.#layOutLater();
      return;
    }
    this.#grown = performance.now();
    this.#laidOut = this.#height;
    this.#spacer.style.height = `${Math.min(this.#height, tallest)}px`;
    const to = Math.round(this.#top / this.#scale);
    if (Math.abs(to - this.#ownScroll) <= 1) return;
    this.#ownScroll = to;
    this.#box.scrollTop = to;
  }

  #layOutLater(): void {
    this.#growing ??= setTimeout(() => {
      this.#growing = undefined;
      this.changed();
    }, growMs);
  }

  /** Broken lines flow one below the other; the way of the scroll bar still counts whole lines. */
  #flow(above: number): void {
    const end = this.#following ? 'flex-end' : 'flex-start';
    this.#sheet.style.cssText = `display:flex;flex-direction:column;height:${this.#visible}px;overflow:hidden;justify-content:${end}`;
    this.#sheet.style.paddingTop = this.#following ? '0' : `${-Math.min(0, above)}px`;
  }

  #line(index: number): HTMLElement {
    const found = this.#lines.line(index);
    const { text, time, stream, log } = this.#look.json ? withFields(found) : found;
    const line = document.createElement('div');
    const current = index === this.#look.current ? ' current' : '';
    const flow = this.#look.wrap ? ' wrapped' : '';
    line.className = `log-line ${levelOf(plainText(found.text))}${stream === 2 ? ' stderr' : ''}${current}${flow}`;
    if (this.#look.names.length > 0) line.append(piece(this.#look.names[log] ?? '', `name lane-${log % laneColours}`));
    if (this.#look.times && time !== '') line.append(piece(time.slice(0, 23).replace('T', ' '), 'time'));
    for (const styled of styledText(text)) line.append(...this.#marked(styled.text, `text ${styled.classes}`));
    return line;
  }

  #marked(text: string, classes: string): Node[] {
    const { pattern } = this.#look;
    if (!pattern) return [piece(text, classes)];
    const nodes: Node[] = [];
    let at = 0;
    for (const found of text.matchAll(pattern)) {
      if (found[0] === '') continue;
      nodes.push(piece(text.slice(at, found.index), classes));
      const mark = document.createElement('mark');
      mark.textContent = found[0];
      nodes.push(mark);
      at = found.index + found[0].length;
    }
    nodes.push(piece(text.slice(at), classes));
    return nodes;
  }
}

/** Colours by which logs are told apart, beside their names. */
const laneColours = 6;

const withFields = (line: LogLine): LogLine => {
  const fields = jsonLine(line.text);
  return fields === undefined ? line : { ...line, text: fields };
};

function piece(text: string, classes: string): HTMLElement {
  const span = document.createElement('span');
  span.className = classes;
  span.textContent = text;
  return span;
}
