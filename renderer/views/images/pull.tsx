import { Star, Tag } from '@lucide/vue';
import { computed, defineComponent, onBeforeUnmount, ref, shallowRef, type VNode, watch } from 'vue';
import { distributionTags, imageSearch } from '../../../contracts/docker/image-routes.ts';
import type { ImageSearchResult } from '../../../contracts/docker/images.ts';
import { messageOf } from '../../../contracts/errors.ts';
import { button, dialog, icon, selectField, textField } from '../../components/index.ts';
import { orderedTags, splitTag } from '../../model/index.ts';
import { engine, t } from '../../stores/index.ts';
import { pull } from './actions.ts';

/** A registry is asked once nothing was typed for this time, in milliseconds. */
const restMs = 350;
const mostFound = 25;
const mostTags = 60;

/** Those that most images of registries are built for. */
const platforms = ['linux/amd64', 'linux/arm64', 'linux/arm/v7', 'linux/386', 'linux/ppc64le', 'linux/s390x'];

/** Another engine than Berth's has no such question. */
const isOthers = (error: unknown): boolean => /page not found/i.test(messageOf(error));

/** Asks which image to pull, and what of that name a registry has. */
export const PullDialog = defineComponent(
  (props: { close: () => void }) => {
    const text = ref('');
    /** Empty: the machine's own. */
    const platform = ref('');
    const found = shallowRef<readonly ImageSearchResult[]>([]);
    const told = ref('');
    /** What a registry has of the name that stands before a colon; searched is what stands behind it. */
    const tags = shallowRef<{ name: string; all: readonly string[] }>();
    const named = computed(() => splitTag(text.value));
    const shownTags = computed(() =>
      named.value && named.value.name === tags.value?.name ? orderedTags(tags.value.all, named.value.begin) : [],
    );
    let resting: ReturnType<typeof setTimeout> | undefined;
    let asked = 0;

    watch(text, typed => {
      clearTimeout(resting);
      const term = typed.trim();
      const name = splitTag(term)?.name;
      if (name !== undefined && name !== tags.value?.name) resting = setTimeout(() => void readTags(name), restMs);
      else if (term.length >= 2 && !/[:@][^/]*$/.test(term)) resting = setTimeout(() => void search(term), restMs);
    });
    onBeforeUnmount(() => clearTimeout(resting));

    async function search(term: string): Promise<void> {
      const mine = ++asked;
      told.value = t().images.searching;
      const results = await engine
        .json(imageSearch, { query: { term, limit: mostFound } })
        .catch((error: unknown) => messageOf(error));
      if (mine !== asked) return; // something else was typed meanwhile
      found.value = typeof results === 'string' ? [] : results;
      told.value = typeof results === 'string' ? results : t().images.found(results.length);
    }

    async function readTags(name: string): Promise<void> {
      const mine = ++asked;
      told.value = t().images.searching;
      found.value = [];
      const answer = await engine
        .json(distributionTags, { path: { name } })
        .catch((error: unknown) => (isOthers(error) ? t().images.noTags : messageOf(error)));
      if (mine !== asked) return;
      tags.value = { name, all: typeof answer === 'string' ? [] : answer.Tags };
      told.value = typeof answer === 'string' ? answer : t().images.tagsFound(answer.Tags.length);
    }

    function submit(): void {
      if (text.value.trim() === '') return;
      pull(text.value, platform.value || undefined);
      props.close();
    }

    const tag = (name: string): VNode => (
      <li key={name}>
        <button
          type="button"
          class="found"
          onClick={() => {
            text.value = `${named.value?.name}:${name}`;
            submit();
          }}
        >
          <span class="row">
            {icon(Tag)} <strong class="grow ellipsis">{name}</strong>
          </span>
        </button>
      </li>
    );

    const result = ({ name, description, star_count: stars, is_official: isOfficial }: ImageSearchResult): VNode => (
      <li key={name} class="row">
        <button
          type="button"
          class="found grow"
          onClick={() => {
            text.value = name;
            submit();
          }}
        >
          <span class="row">
            <strong class="grow ellipsis">{name}</strong>
            {isOfficial && <span class="soft">{t().images.official}</span>}
            <span class="soft row" title={t().images.stars(stars)}>
              {icon(Star)} {stars}
            </span>
          </span>
          <span class="soft ellipsis">{description}</span>
        </button>
        {button({
          ...{ label: t().images.tagsOf(name), icon: Tag, iconOnly: true, kind: 'quiet' },
          onClick: () => {
            text.value = `${name}:`;
          },
        })}
      </li>
    );

    const content = (): VNode[] => [
      textField({
        ...{ id: 'pull', label: t().images.reference, hint: t().images.pullHint, value: text.value, focus: true },
        change: value => {
          text.value = value;
        },
      }),
      selectField({
        ...{ id: 'pull-platform', label: t().images.platform, value: platform.value },
        choices: { '': t().images.ownPlatform, ...Object.fromEntries(platforms.map(each => [each, each])) },
        change: value => {
          platform.value = value;
        },
      }),
      <p class="soft" role="status">
        {told.value}
      </p>,
      <ul class="plain results">
        {named.value ? shownTags.value.slice(0, mostTags).map(tag) : found.value.map(result)}
      </ul>,
    ];

    return () =>
      dialog({
        ...{ title: t().images.pullTitle, open: true, close: props.close, submit, content },
        footer: () => [
          button({ label: t().common.cancel, onClick: props.close }),
          button({ label: t().images.pullVerb, kind: 'primary', submit: true, onClick: () => undefined }),
        ],
      });
  },
  { props: ['close'] },
);
