import { buildStop, imageBuild } from '../../../contracts/docker/build-routes.ts';
import { type ContextFile, tarOfFiles } from '../../model/index.ts';
import { engine, t, useAsking, useNotices, useTasks } from '../../stores/index.ts';

/** Builds a folder of the user's; its Dockerfile is the one that lies highest. */
export function askBuild(files: readonly File[]): void {
  const context = files.map((file): ContextFile => {
    // the folder itself is the first part of each path
    const path = file.webkitRelativePath.split('/').slice(1).join('/') || file.name;
    return { path, content: file };
  });
  const dockerfiles = context
    .map(({ path }) => path)
    .filter(path => /(^|\/)(Dockerfile|Containerfile)[^/]*$|\.Dockerfile$/i.test(path))
    .sort((a, b) => a.split('/').length - b.split('/').length || a.length - b.length);
  const texts = t().builds;
  const folder = files[0]?.webkitRelativePath.split('/')[0] ?? '';
  const [dockerfile] = dockerfiles;
  if (!dockerfile) {
    useNotices().add(texts.build, new Error(texts.noDockerfile(folder)));
    return;
  }
  useAsking().ask({
    title: texts.buildTitle(folder),
    says: [texts.buildText(context.length, dockerfile)],
    field: { label: t().images.newName, hint: t().images.referenceHint, start: `${folder.toLowerCase()}:latest` },
    verb: texts.build,
    run: name => {
      const query = { dockerfile, t: name === '' ? [] : [name] };
      // why it fails is told where the build is shown
      const work = useTasks().run(texts.buildTitle(folder), imageBuild, { query }, tarOfFiles(context));
      work.catch(() => undefined);
    },
  });
}

/** A build that was ended leaves the results of its steps: the next one goes on from there. */
export async function stop(id: string): Promise<void> {
  try {
    await engine.json(buildStop, { path: { id } });
  } catch (error) {
    useNotices().add(t().builds.stop, error);
  }
}
